"""Problems: what went wrong, as an HTTP client is told: problem+json, or Anthropic's error object.

RFC 9457 for p42's own paths; under `/v1/` the shape that Anthropic's clients read.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson

from p42.model.completion import Cut
from p42.model.errors import Blocked, InvalidInput, P42Error, Retry, TimedOut

Send = Callable[[Any], Awaitable[None]]
VENDORS = "/v1/"  # under this prefix p42 speaks Anthropic's API
OVERLOADED = 529  # Anthropic's own, beyond the registered codes
BUG = "this is a bug in p42; `p42 logs daemon` has the traceback, please report it"
# p42 has tried as often as it makes sense; the vendors' SDKs would begin again from the start.
NO_MORE = {"x-should-retry": "false"}
_KINDS = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error",
    403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error",
    504: "timeout_error", OVERLOADED: "overloaded_error",
}  # fmt: skip


class Refused(P42Error):
    """An answer that is no success. `headers` go out with it."""

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


def refusal(error: Exception) -> Refused:
    """`error` for the wire. What is not p42's own is told as a bug, without its text."""
    text = str(error)
    match error:
        case Refused():
            return error
        case InvalidInput():
            return Refused(400, text)
        case Retry(reason="RateLimited"):
            return Refused(429, text, headers=_after(error))
        case Retry():
            return Refused(OVERLOADED, text, headers={**_after(error), **NO_MORE})
        case Blocked(reason="BudgetExceeded"):
            return Refused(402, text)
        case Blocked():
            return Refused(403, text)
        case TimedOut():
            return Refused(504, text, headers=NO_MORE)
        case Cut():
            return Refused(502, text, headers=NO_MORE)
        case P42Error():
            return Refused(500, text, headers=NO_MORE)
    return Refused(500, BUG, headers=NO_MORE)


def body(text: str, status: int, path: str) -> tuple[str, bytes]:
    """Content type and bytes, in the shape that clients of `path` read."""
    if path.startswith(VENDORS):
        return "application/json", orjson.dumps(vendors(text, status))
    told = {"type": "about:blank", "title": _title(status), "status": status, "detail": text}
    return "application/problem+json", orjson.dumps(told)


def vendors(text: str, status: int) -> dict[str, Any]:
    """Anthropic's error object."""
    kind = _KINDS.get(status) or ("invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": text}}


async def tell(send: Send, refused: Refused, path: str, *, clean: Callable[[str], str]) -> None:
    """Send it, as a whole answer, without the secrets that `clean` finds."""
    kind, data = body(clean(str(refused)), refused.status, path)
    headers = {"content-type": kind, "content-length": str(len(data)), **refused.headers}
    await send({
        "type": "http.response.start", "status": refused.status,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": data})


def _after(error: Retry) -> dict[str, str]:
    return {} if error.after is None else {"retry-after": str(math.ceil(error.after))}


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Overloaded"
