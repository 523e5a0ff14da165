"""Settling: how long a file has been left alone, whatever its clock says."""

from __future__ import annotations

import os
import time


class Settling:
    """Remembers the files that were not settled yet. Called from one thread."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[tuple[int, ...], float]] = {}

    def left(self, path: str, found: os.stat_result, need: float) -> float:
        """Seconds until `path` will have been left alone for `need`; 0.0 = it has been.

        By its time of change, or, where that lies in the future or was set by somebody, since it
        was first seen so.
        """
        state = (found.st_ino, found.st_size, found.st_mtime_ns)
        age = time.time() - found.st_mtime
        now = time.monotonic()
        first = self._first.get(path)
        if first is None or first[0] != state:
            first = self._first[path] = (state, now)
        left = need - max(age, now - first[1])
        if left <= 0:
            del self._first[path]
            return 0.0
        return min(left, need)
