"""The composition root: the only room that knows every other.

lock > log > database > everything else (rooms.py)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from p42.api.desired import Diff, diff
from p42.api.shapes import Steps
from p42.config.settings import Settings, load
from p42.daemon.rooms import Rooms
from p42.daemon.running import alone
from p42.kinds import discover
from p42.manifest.kindbook import KindBook
from p42.model.errors import Exit
from p42.runtimes.daemonlog import daemon_log
from p42.runtimes.hardening import harden, open_more_files
from p42.runtimes.lock import HomeLock
from p42.runtimes.stopping import Stop
from p42.runtimes.sweep import sweep
from p42.stores.database import Database, make_home
from p42.stores.redaction import Redactor

_log = logging.getLogger("p42")


def serve(
    home: Path, sources: Sequence[str] = (), flags: Mapping[str, object] | None = None
) -> int:
    """Run the daemon in front until it is told to stop; its exit code.

    `sources` are absolute paths to follow besides those that are remembered. Raises AlreadyRuns,
    InvalidInput for the configuration or a source, Retry or Blocked for what the disk refuses.
    """
    settings, stop = load(home, flags), Stop()
    make_home(home)
    with contextlib.suppress(OSError):  # what is wrong with it, each command will say
        # Before anyone watches it: a directory that appears later is watched a moment too late.
        (home / "commands").mkdir(mode=0o700)
    harden()
    redactor = Redactor()
    with HomeLock(home), daemon_log(home, settings.log_level, clean=redactor.clean):
        stop.listen()
        open_more_files()
        for pid in sweep(home):
            _log.warning("ended process %d, left behind by a daemon that was killed", pid)
        asyncio.run(_serve(settings, sources, stop, redactor))
        stop.deafen()
        _log.info("p42 has stopped")
    return Exit.OK


def offline_plan(
    home: Path, paths: Sequence[str], *, stdin: str | None = None, prune: bool = False
) -> Steps:
    """What `p42 diff` says where no daemon runs: the steps, observed here, nothing written."""
    return asyncio.run(_plan(load(home), Diff(paths=tuple(paths), stdin=stdin, prune=prune)))


async def _plan(settings: Settings, asked: Diff) -> Steps:
    with Database.copy(settings.home) as database, alone():
        rooms = Rooms(settings, database, KindBook.load(), discover(), offline=True)
        async with rooms.works:
            return await diff(rooms.for_verbs(Stop()), asked)


async def _serve(
    settings: Settings, sources: Sequence[str], stop: Stop, redactor: Redactor
) -> None:
    with Database.open(settings.home) as database, alone():
        if database.aside is not None:
            _log.warning("state.db was damaged and is kept as %s; it is made anew", database.aside)
        rooms = Rooms(settings, database, KindBook.load(), discover(), redactor=redactor)
        await rooms.run(sources, stop)
