"""Durations and sizes as people write them: `500ms`, `5m`, `64KiB`, `10MB`."""

from __future__ import annotations

import re

DURATION_PATTERN = r"^\d+(\.\d+)?(ms|s|m|h|d)$"
SIZE_PATTERN = r"^\d+(\.\d+)?(B|KB|MB|GB|KiB|MiB|GiB)?$"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(B|KB|MB|GB|KiB|MiB|GiB)?\Z")
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def seconds(text: str) -> float:
    """`5m` to 300.0. ValueError with the accepted forms if it is none."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 500ms, 30s, 5m, 2h or 7d")
    return float(match[1]) * _SECONDS[match[2]]


def duration(spent: float) -> str:
    """300.0 to `5m`: one number and the largest unit that needs no fraction, as one writes it."""
    milliseconds = round(spent * 1000)
    for unit, worth in reversed(_SECONDS.items()):
        count, rest = divmod(milliseconds, round(worth * 1000))
        if count and not rest:
            return f"{count}{unit}"
    return "0s"


def size(text: str) -> int:
    """`64KiB` to 65536 bytes. ValueError with the accepted forms if it is none."""
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 512, 64KiB or 10MB")
    return int(float(match[1]) * _BYTES[match[2] or "B"])


def age(spent: float) -> str:
    """Elapsed seconds as kubectl prints them: `3s`, `2m5s`, `3h`, `4d`."""
    whole = max(0, int(spent))
    if whole < 120:
        return f"{whole}s"
    if whole < 600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    for unit, limit in (("m", 3 * 3600), ("h", 48 * 3600)):
        if whole < limit:
            return f"{whole // int(_SECONDS[unit])}{unit}"
    return f"{whole // 86400}d"
