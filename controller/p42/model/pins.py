"""Pins: the port to what p42 writes beside a manifest, in the user's tree: the forged locks."""

from __future__ import annotations

from typing import Protocol

from p42.model.refs import Ref


class Pins(Protocol):
    """The lock of each command, `forged/NAME.lock.yaml` beside its manifest."""

    def look(self, ref: Ref) -> bytes | None:
        """What stands there; None = nothing, or `ref` is declared nowhere."""

    def write(self, ref: Ref, data: bytes, *, was: bytes | None) -> None:
        """Put `data` there, whole or not at all, if what stands there is still `was`.

        Retry if it is not, and nothing is lost then. Blocked where it cannot be written.
        """

    async def committed(self, ref: Ref) -> bool:
        """Whether git has exactly what stands there, at HEAD."""
