"""Probe: what the file system of a directory can do, found out by doing it there."""

from __future__ import annotations

import os
from typing import NamedTuple

from p42 import displace
from p42.displace import Spot
from p42.manifest.write import kernel
from p42.manifest.write.dotdir import DotDir, discard, write_new


class Ability(NamedTuple):
    """`lease`: a write lease can be had; `exchange`: two names can be exchanged in one step."""

    lease: bool
    exchange: bool

    @property
    def full(self) -> bool:
        """Whether a file can be replaced safely right after a save."""
        return self.lease and self.exchange


def probe(dot: DotDir) -> Ability:
    """Try both on two small files in `dot`. OSError where nothing can be written at all."""
    one, other = dot.fresh(), dot.fresh()
    try:
        write_new(one, b"1")
        write_new(other, b"2")
        return Ability(_can_lease(one), _can_exchange(one, other))
    finally:
        for path in (one, other):
            discard(path)


def _can_lease(path: str) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if kernel.lease(descriptor) != "held":
            return False
        kernel.release(descriptor)
        return True
    finally:
        os.close(descriptor)


def _can_exchange(one: str, other: str) -> bool:
    try:
        displace.exchange(Spot(one), Spot(other))
    except OSError:
        return False
    with open(one, "rb") as found:
        return found.read() == b"2"  # a file system may take the flag and ignore it
