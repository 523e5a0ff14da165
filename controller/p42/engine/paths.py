"""Paths as text: which lies in which. Sources are real before they get here: absolute, no links."""

from __future__ import annotations


def lies_in(path: str, source: str) -> bool:
    """Whether `path` is `source` or below it."""
    return path == source or path.startswith(source.rstrip("/") + "/")
