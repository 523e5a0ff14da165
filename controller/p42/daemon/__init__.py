"""The composition root: the only room that knows every other.

lock > log > keeper > database > everything else (held.py, rooms.py)
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from p42.config.settings import load
from p42.model.errors import Exit
from p42.runtimes.disk.lock import HomeLock
from p42.runtimes.hardening import harden
from p42.stores.homedir import make_home

if TYPE_CHECKING:
    from p42.api.shapes import Steps


def serve(
    home: Path, sources: Sequence[str] = (), flags: Mapping[str, object] | None = None
) -> int:
    """Run the daemon in front until it is told to stop; its exit code.

    `sources` are absolute paths to follow besides those that are remembered. Raises AlreadyRuns,
    InvalidInput for the configuration or a source, Retry or Blocked for what the disk refuses.
    """
    home = _real(home)
    settings = load(home, flags)
    make_home(home)
    with contextlib.suppress(OSError):  # what is wrong with it, each command will say
        # Before anyone watches it: a directory that appears later is watched a moment too late.
        (home / "commands").mkdir(mode=0o700)
    harden()
    with HomeLock(home):
        # Not above: who finds the home taken, as all but one of many started at once do, has no
        # use for it, and it takes ten times as long to import as to see that.
        # The rooms are made of a hundred thousand objects that all stay: looking through them
        # again and again meanwhile takes a tenth of the start and finds nothing.
        gc.disable()
        try:
            from p42.daemon.held import run

            run(settings, sources)
        finally:
            gc.enable()  # rooms.py has done so long before, unless it never came to that
    return Exit.OK


def offline_plan(
    home: Path, paths: Sequence[str], *, stdin: str | None = None, prune: bool = False
) -> Steps:
    """What `p42 diff` says where no daemon runs: the steps, observed here, nothing written."""
    from p42.daemon.offline import plan  # as above: it knows every room

    return plan(load(_real(home)), paths, stdin=stdin, prune=prune)


def _real(home: Path) -> Path:
    """Where the home is. Its manifests are a source, and sources have no links on their way."""
    return Path(os.path.realpath(home))  # pathlib's raises for a link to itself
