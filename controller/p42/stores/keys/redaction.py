"""Redactor: takes every secret this process has seen out of what is about to leave it.

It stands at the sinks (log, journal, status, replies), so no caller has to remember it. Exact
matches only, of each secret as it is and in the forms in which libraries repeat it: in JSON, in a
URL, in base64 at any offset, in hex, as Python prints it.

Assumptions: a text is cleaned before it is cut, since half a secret matches nothing. Guarantees: a
secret is known from the moment it was read, before anyone can use it; safe from any thread.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from p42.model.secret import MASK, Secret

# Characters. What is shorter is no key (a local server is given "none" or "ollama" as one), and
# taking it out of every text would maul words.
SHORTEST = 8
# Secrets; the oldest go first. A token renewed every hour fills that in ten days, and each costs a
# dozen searches a line.
MOST = 256
_LEAST_CODED = 10  # characters of a coded form; less is found by chance in long base64


class Redactor:
    """One per daemon."""

    def __init__(self) -> None:
        self._secrets: dict[Secret, tuple[str, ...]] = {}
        self._forms: tuple[str, ...] = ()  # the longest first: a part must not hide the whole
        self._raw: tuple[bytes, ...] = ()

    def add(self, *secrets: Secret) -> None:
        """Take these out from now on. One that is too short to be told from a word is not."""
        fresh = [each for each in secrets if each not in self._secrets]
        for secret in fresh:
            if len(secret.reveal()) >= SHORTEST:
                self._secrets[secret] = tuple(forms(secret.reveal()))
        while len(self._secrets) > MOST:
            del self._secrets[next(iter(self._secrets))]
        if fresh:
            every = {form for known in self._secrets.values() for form in known}
            # Whole new tuples: a log line of another thread goes on with the old ones.
            self._forms = tuple(sorted(every, key=len, reverse=True))
            self._raw = tuple({raw for form in every for raw in _on_a_line(form)})

    def clean(self, text: str) -> str:
        """`text` with stars in the place of each secret."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def finds(self, line: bytes) -> bool:
        """Whether a secret is in `line`, of JSON. Cheap enough to ask of every reply."""
        return any(form in line for form in self._raw)

    def clean_value(self, value: Any) -> Any:
        """A JSON value with every text in it cleaned, keys too."""
        if not self._forms:
            return value
        match value:
            case str():
                return self.clean(value)
            case Mapping():
                return {self.clean(str(k)): self.clean_value(v) for k, v in value.items()}
            case list():
                return [self.clean_value(each) for each in value]
            case tuple():
                return tuple(self.clean_value(each) for each in value)
        return value


def forms(text: str) -> set[str]:
    """The ways in which `text` may be repeated."""
    raw = text.encode("utf-8", "surrogatepass")
    # UTF-16 read as something else, and the same once control characters became blanks.
    spaced = {"\0".join(text), " ".join(text)}
    found = {text, *spaced, *_quoted(text, raw)}
    coded = {*_base64(raw), raw.hex(), raw.hex().upper()}
    return {form for form in found if len(form) >= SHORTEST} | {
        form for form in coded if len(form) >= _LEAST_CODED
    }


def _on_a_line(form: str) -> Iterator[bytes]:
    """The bytes of `form` inside a line of JSON, as the doors write it."""
    for ascii_only in (True, False):
        inner = json.dumps(form, ensure_ascii=ascii_only)[1:-1]
        yield _as_go(inner).encode("utf-8", "surrogatepass")
        yield inner.encode("utf-8", "surrogatepass")


def _as_go(inner: str) -> str:
    return inner.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _quoted(text: str, raw: bytes) -> Iterator[str]:
    """In JSON (as json, orjson and Go write it), as Python prints it, and in a URL."""
    for ascii_only in (True, False):
        inner = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (inner, inner.replace("/", "\\/"), json.dumps(inner)[1:-1])
        yield _as_go(inner)
    yield repr(text)[1:-1]
    yield repr(raw)[2:-1]
    for url in _in_urls(raw):
        yield url
        yield _lower(url)


def _in_urls(raw: bytes) -> Iterable[str]:
    return {quote(raw, safe=""), quote(raw, safe="/"), quote_plus(raw)}


def _lower(url: str) -> str:
    """%2F as %2f."""
    parts = url.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def _base64(raw: bytes) -> Iterator[str]:
    """At each of the three offsets it may have in a longer text, without what its neighbours give.

    `Basic` credentials are base64 of NAME:KEY: the key alone is not to be found in them.
    """
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + raw).decode()
        first = (offset * 8 + 5) // 6  # characters that hold bits of what stands before
        length = (offset + len(raw)) * 8 // 6  # the last ones hold bits of what comes behind
        for table in (whole, whole.replace("+", "-").replace("/", "_")):
            yield table[first:length]
    yield base64.b64encode(raw).decode().rstrip("=")
    yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
