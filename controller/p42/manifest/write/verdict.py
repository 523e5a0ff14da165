"""Verdict: why a status was not written into its file now, and the pace at which it is tried."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Literal, NamedTuple

from p42.manifest.write.outline import Refused

__all__ = ["SOON", "Gone", "Pace", "Refused", "Wait", "Went", "in_words"]

SOON = 0.1  # s; a save was seen, and is over by then


class Wait(Exception):
    """Not now: somebody is at work on the file. Tried again after `after` seconds."""

    def __init__(self, why: str, *, after: float = 1.0) -> None:
        super().__init__(why)
        self.after = after


class Gone(Exception):
    """The file or the document is not there as it was reconciled; a new status is on its way."""


class Went(NamedTuple):
    """Where the status of a document went: and if not into the file, why not."""

    mode: Literal["inline", "sidecar", "none", "waiting", "dropped"]
    why: str = ""

    def __str__(self) -> str:
        return f"{self.mode}: {self.why}" if self.why else self.mode


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. The defaults keep editors from asking and git quiet."""

    gather: float = 0.25  # more documents of the same file may be about to settle
    gather_limit: float = 1.0  # but the first one waits no longer than this
    burst: float = 5.0  # nor many files, while statuses keep coming, than this
    settle: float = 1.0  # since the file last changed: who saves may save again
    quiet: float = 2.0  # the same where leases or the exchange are missing
    gap: float = 5.0  # between two writes to one file (CONTRACT, "Manifests")
    keep: float = 60.0  # how long a late write into the displaced file is looked for
    young: float = 1.0  # without a lease: how long it is looked for every `often`
    often: float = 0.05
    seldom: float = 1.0  # between two looks at an older one


def in_words(error: OSError) -> str:
    """Why the system refused, for a person."""
    return {
        errno.EROFS: "the file system is read-only",
        errno.EACCES: "no permission to write there",
        errno.EPERM: "not permitted to write there",
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EBUSY: "the file itself is a mount point",
        errno.EXDEV: "the file itself is a mount point",
        errno.EIO: "the disk reports an input/output error",
    }.get(error.errno or 0, (error.strerror or str(error)).lower())
