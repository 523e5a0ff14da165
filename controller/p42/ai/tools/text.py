"""Tooltext: the result of a call as a model gets it: text that fits into a conversation."""

from __future__ import annotations

MOST = 16 * 1024  # bytes of a result; about 4,000 tokens, sent again with every further message
NOTE = 80  # bytes kept for the word about what was cut


def bounded(text: str, most: int = MOST) -> str:
    """`text`, or its beginning and how much there was. Never more than `most` bytes of UTF-8."""
    data = text.encode(errors="replace")
    if len(data) <= most:
        return data.decode()
    kept = data[: most - NOTE].decode(errors="ignore")
    return f"{kept}\n(cut: this was {len(data)} bytes; ask for less of it)"
