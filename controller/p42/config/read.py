"""Readers: one setting's value, from TOML or from text, checked. ValueError says what it must be.

Environment and flags give text, TOML gives typed values; each reader takes both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from p42.model.quantity import seconds

Reader = Callable[[object], object]

_LISTEN = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})")
_REFERENCE = re.compile(r"(keychain:[^/]+/.+|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)")
_URL = re.compile(
    r"(https://[A-Za-z0-9._-]+|http://(localhost|127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[::1\]))"
    r"(:[0-9]{1,5})?(/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*)?"
)
MAX_PORT = 65535
EXACT = 2**53  # up to here every reader of JSON keeps whole numbers


def text(value: object) -> str:
    """Any text of one line."""
    if not isinstance(value, str) or "\n" in value or "\0" in value:
        raise ValueError("must be text of one line")
    return value


def name(value: object) -> str:
    """A name; the `@` of the founding documents may stand before it."""
    return text(value).removeprefix("@")


def port(value: object) -> int:
    """A TCP port; 0 = any free one."""
    return _whole(value, 0, MAX_PORT, "must be a port between 0 and 65535 (0 = any free one)")


def count(value: object) -> int:
    """How many; at least one."""
    return _whole(value, 1, MAX_PORT, f"must be a number between 1 and {MAX_PORT}")


def _whole(value: object, low: int, high: int, must: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(must)
    return value


def duration(value: object) -> float:
    """Seconds, from `500ms 30s 5m 2h 7d`."""
    if not isinstance(value, str):
        raise ValueError("must be a duration such as 30s, 5m, 2h or 7d, in quotes")
    try:
        return seconds(value)
    except ValueError:
        raise ValueError("must be a duration such as 30s, 5m, 2h or 7d") from None


def duration_or_never(value: object) -> float | None:
    """Seconds, or None for `never`."""
    return None if value == "never" else duration(value)


def choice(*words: str) -> Callable[[object], str]:
    """One of `words`."""

    def read(value: object) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value)

    return read


def listen(value: object) -> str:
    """`HOST:PORT`, or "" for off."""
    spelled = text(value)
    match = _LISTEN.fullmatch(spelled)
    if spelled and (match is None or int(match[2]) > MAX_PORT):
        raise ValueError("must be HOST:PORT such as 127.0.0.1:3000")
    return spelled


def reference(value: object) -> str:
    """Where a secret is, never the secret."""
    if value == "":
        return ""
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise ValueError("must be keychain:SERVICE/ACCOUNT, env:NAME or file:PATH, never the value")
    return value


def words(value: object) -> tuple[str, ...]:
    """A list of text; as text, separated by commas."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError("must be a list of text")
    return tuple(value)


def number(value: object) -> float:
    """A finite number, not negative. NaN would switch a budget off: every comparison is False."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if not math.isfinite(value) or value < 0:
        raise ValueError("must be a finite number, not negative")
    return float(value)


def temperature(value: object) -> float:
    """0 to 2, as vendors have it."""
    found = number(value)
    if found > 2:
        raise ValueError("must be from 0 to 2")
    return found


def calls(value: object) -> int:
    """A whole number of calls, at least one."""
    found = number(value)
    if found < 1 or found != int(found) or found > EXACT:
        raise ValueError("must be a whole number, at least 1")
    return int(found)


def url(value: object) -> str:
    """https, or http to this machine: a key goes there."""
    spelled = text(value)
    if not _URL.fullmatch(spelled):
        raise ValueError("must be an https URL, or http to 127.0.0.1, [::1] or localhost")
    return spelled


def bus(value: object) -> str:
    """`local` or the address of a NATS server."""
    spelled = text(value)
    if spelled != "local" and not (spelled.startswith("nats://") and urlsplit(spelled).hostname):
        raise ValueError("must be local or nats://HOST:PORT")
    return spelled
