"""Budget: what all connections of a door may hold together of requests that have not ended.

One request may have 1 MiB; a thousand clients that each send all but the last byte of one must not
have a thousand. Who holds less than FAIR is never refused.
"""

from __future__ import annotations

MOST = 64 << 20  # bytes
FAIR = 64 << 10  # bytes


class Budget:
    """Of one door, and of one thread."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.held = 0

    def change(self, was: int, now: int) -> bool:
        """A connection holds `now` bytes where it held `was`; False: it has to go."""
        self.held += now - was
        return now <= FAIR or self.held <= self._most
