"""Faults: what a vendor refuses or breaks, as an error that says who can mend it.

    429, 408, 425, 5xx, 529, no connection       Retry   (RateLimited, ProviderDown)
    401; 403 on the check of a key               Blocked (KeyRejected)
    429 for want of credit                       Blocked
    404, other 4xx                               Refused, which is Blocked
    the same, for a prompt that is too long      TooLong, which is Refused
    a certificate or pin that does not hold      Blocked
    broke off, once the answer had begun         Cut, with what was said and counted
    what is not the vendor's protocol            Cut that does not pass by itself

Vendors quote requests in their errors, keys included (OpenAI shows part of a wrong one), so their
words are cut short and cleaned of the account's key. No SDK's error is kept as a cause: it holds
the request with its headers.
"""

from __future__ import annotations

import base64
import json
import math
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol
from urllib.parse import quote

from p42.model.completion import Cut, Usage
from p42.model.errors import Blocked, P42Error, Refused, Retry, TooLong
from p42.providers.tls import WrongPin

During = Literal["ask", "check"]
MOST_WORDS = 300  # characters of a vendor's message that are shown
LONGEST_WAIT = 86_400.0  # s; a Retry-After beyond a day is a slip, and budgets run by the month

# Kinds of error objects inside a 200 or an event stream, where no status tells (Anthropic's and
# OpenAI's error pages, botocore's bedrock-runtime model).
_STATUS_OF = {
    "rate_limit_error": 429, "rate_limit_exceeded": 429, "throttlingException": 429,
    "insufficient_quota": 402, "billing_error": 402,
    "overloaded_error": 529, "api_error": 500, "server_error": 500, "timeout_error": 504,
    "internalServerException": 500, "modelStreamErrorException": 500,
    "modelTimeoutException": 504, "serviceUnavailableException": 503,
    "authentication_error": 401, "invalid_api_key": 401, "permission_error": 403,
    "not_found_error": 404, "model_not_found": 404, "request_too_large": 413,
    "invalid_request_error": 400, "validationException": 400,
}  # fmt: skip
# AWS answers 403 for bad credentials too, and says which it is in the name of the error.
_BAD_KEY = ("UnrecognizedClient", "InvalidSignature", "ExpiredToken", "InvalidClientTokenId")
_HAPPENED = {
    "ConnectionRefusedError": "nothing listens there",
    "gaierror": "its name is not known",
    "RemoteProtocolError": "it closed the connection",
    "ConnectionResetError": "it closed the connection",
    "ConnectError": "no connection",
}
_PASSES = frozenset({408, 409, 425, 429})
# No vendor has a status of its own for it. Anthropic: "prompt is too long: 210000 tokens > ...",
# "input length and `max_tokens` exceed context limit"; OpenAI and those like it: the code
# context_length_exceeded, "maximum context length is"; Bedrock: "Input is too long for requested
# model"; llama.cpp: "exceeds the available context size"; Groq: "reduce the length"; Google:
# "input token count exceeds"; xAI: "maximum prompt length is".
_TOO_LONG = re.compile(
    r"(prompt|input|request|message) (is )?too (long|large)|too many tokens|prompt length"
    r"|context[ _](length|window|size|limit)|reduce the length|input token count"
    r"|exceeds? (the )?max(imum)? length|must have less than \d+ tokens",
    re.IGNORECASE,
)
_NO_CREDIT = ("insufficient_quota", "billing", "credit balance")


class Garbled(ValueError):
    """The vendor sent what its protocol does not have."""


class ErrorInside(Exception):
    """The vendor's answer turned out to be an error object."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Begun(Protocol):
    """An answer that has begun to come: what had been said and counted when it broke off."""

    @property
    def begun(self) -> bool: ...
    @property
    def said(self) -> str: ...
    @property
    def counted(self) -> Usage | None: ...


@dataclass(frozen=True, slots=True)
class Faults:
    """One account's translator. `vendor` and `host` go into every message, `key` into none."""

    vendor: str
    host: str
    key: str | None = field(default=None, repr=False)

    def refused(
        self, status: int, *, headers: Mapping[str, str], body: object, during: During = "ask"
    ) -> Retry | Blocked:
        """For an HTTP answer that is no 2xx. `body`: its JSON, or its text."""
        kind, said = words(body)
        kind = headers.get("x-amzn-errortype", kind)
        return self._mend(status, kind=kind, said=said, after=_after(headers), during=during)

    def inside(self, error: ErrorInside, answer: Begun | None) -> P42Error:
        """For an error object in place of an answer, or in the middle of one."""
        status = _STATUS_OF.get(error.kind, 500)
        shown = f"{error.kind}: {error}" if error.kind else str(error)
        mend = self._mend(status, kind=error.kind, said=shown, after=None, during="ask")
        if answer is None or not answer.begun:
            return mend
        return self._cut(str(mend), answer, passes=isinstance(mend, Retry))

    def broke(self, error: BaseException, answer: Begun | None = None) -> P42Error:
        """For a connection that could not be made, or was lost. `answer`: what had come of it."""
        if answer is not None and answer.begun:
            return self._cut(f"{self._who} broke off its answer", answer, passes=True)
        for cause in _chain(error):
            if isinstance(cause, WrongPin):
                shown = cause.args[0]
                message = f"{self._who} is not who is pinned: {shown}, which tls.pins does not have"
                return Blocked(message, template=f"{self.host} shows a key that tls.pins lacks")
            if isinstance(cause, ssl.SSLCertVerificationError):
                why = cause.verify_message
                message = f"the certificate of {self._who} does not hold: {why}; see tls.ca"
                return Blocked(message, template=f"the certificate of {self.host} does not hold")
        message = f"{self._who} cannot be reached ({_kind(error)}); it is asked again by itself"
        return Retry(message, reason="ProviderDown")

    def garbled(self, answer: Begun | None = None) -> P42Error:
        """For bytes that are not the vendor's protocol."""
        message = f"{self._who} sent what is not its protocol; look at baseUrl and provider"
        return self._cut(message, answer, passes=False)

    def unfinished(self, answer: Begun) -> P42Error:
        """For an answer whose connection ended well and whose end never came."""
        if answer.begun:
            return self._cut(f"{self._who} ended its answer too early", answer, passes=True)
        return Retry(f"{self._who} answered with nothing", reason="ProviderDown")

    def masked(self, text: str) -> str:
        """`text` without the key in any form that a vendor may quote."""
        for form in _forms(self.key) if self.key else ():
            text = text.replace(form, "***")
        return text

    def clean(self, text: str) -> str:
        """`text` masked, in one line and short."""
        text = self.masked(text)
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= MOST_WORDS else f"{line[:MOST_WORDS]}..."

    @property
    def _who(self) -> str:
        return f"{self.vendor} ({self.host})"

    def _mend(
        self, status: int, *, kind: str, said: str, after: float | None, during: During
    ) -> Retry | Blocked:
        quoted = f": {self.clean(said)}" if said else ""
        if status == 402 or (status == 429 and any(word in kind for word in _NO_CREDIT)):
            return Blocked(f"{self._who} wants to be paid{quoted}", template="no credit is left")
        if status == 429:
            message = f"{self._who} asks to slow down{quoted}"
            return Retry(message, after=after, reason="RateLimited")
        if status in _PASSES or status >= 500:
            message = f"{self._who} has a fault of its own ({status}){quoted}"
            return Retry(message, after=after, reason="ProviderDown")
        if status == 401 or (status == 403 and (during == "check" or kind.startswith(_BAD_KEY))):
            message = (
                f"{self._who} refused the key{quoted}; `p42 account login NAME` stores another"
            )
            return Blocked(message, reason="KeyRejected", template=f"{self.host} refused the key")
        if 300 <= status < 400:
            return Blocked(f"{self._who} redirects elsewhere; set baseUrl to where it does")
        too_long = status == 413 or _TOO_LONG.search(f"{kind} {said}")
        kind_of = TooLong if too_long else Refused
        return kind_of(f"{self._who} refuses this with {status}{quoted}")

    def _cut(self, message: str, answer: Begun | None, *, passes: bool) -> Cut:
        said = answer.said if answer else ""
        counted = answer.counted if answer else None
        return Cut(message, said=said, usage=counted, passes=passes)


def words(body: object) -> tuple[str, str]:
    """Kind and message of a vendor's error object, "" for what it does not have."""
    if not isinstance(body, Mapping):
        return "", body if isinstance(body, str) else ""
    error = body.get("error", body)
    if isinstance(error, str):  # Ollama, in its older answers
        return "", error
    if not isinstance(error, Mapping):
        return "", ""
    kind = error.get("code") or error.get("type") or ""
    return str(kind), str(error.get("message") or "")


def _after(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for, as a number or a date (RFC 9110, 10.2.3)."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return min(seconds, LONGEST_WAIT)
    try:
        # The date is the vendor's wall clock, so ours is the one to compare it with.
        wait = parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, wait), LONGEST_WAIT)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _kind(error: BaseException) -> str:
    """What happened to the connection, in the words of the first cause that has any."""
    names = [type(cause).__name__ for cause in _chain(error)]
    if any("Timeout" in name for name in names):
        return "no answer in time"
    return next((_HAPPENED[name] for name in reversed(names) if name in _HAPPENED), names[-1])


def _forms(key: str) -> tuple[str, ...]:
    """The key as it may be quoted: plain, in JSON, in a URL, in base64, in hex."""
    raw = key.encode()
    url_safe = base64.urlsafe_b64encode(raw).decode()
    forms = {key, json.dumps(key)[1:-1], quote(key, safe=""), base64.b64encode(raw).decode()}
    forms |= {url_safe, url_safe.rstrip("="), raw.hex()}
    return tuple(sorted(forms, key=len, reverse=True))
