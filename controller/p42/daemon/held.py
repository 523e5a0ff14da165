"""Held: what a daemon does once the home is its own: log, signals, keeper, and then the rooms.

The keeper is begun before the rooms are imported: it starts on another core meanwhile, and with it
the zygote that every companion is forked from.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from p42.config.settings import Settings
from p42.keeper import brand
from p42.keeper.orphans import end_strays
from p42.runtimes.daemonlog import daemon_log
from p42.runtimes.hardening import open_more_files
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.stopping import Stop
from p42.stores.keys.redaction import Redactor

_log = logging.getLogger("p42")


def run(settings: Settings, sources: Sequence[str]) -> None:
    """Until a stop is asked for. Holding the home's lock only."""
    redactor, stop = Redactor(), Stop()
    with daemon_log(settings.home, settings.log_level, clean=redactor.clean):
        stop.listen()
        open_more_files()
        run = settings.home / "run"
        brand.take(run)
        _end_strays(run)  # before the keeper is begun: it looks like one until it has the lock
        link = KeeperLink(run, grace=settings.keeper_grace)
        # Looking for plug-ins reads the metadata of every package there is, and we want none.
        os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
        with link.begun():
            from p42.daemon.serving import serve  # neither above: the keeper starts meanwhile
            from p42.runtimes.keeping.sweep import sweep

            for pid in sweep(settings.home):
                _log.warning("ended process %d, left behind by a daemon that was killed", pid)
            asyncio.run(serve(settings, sources, stop, redactor=redactor, link=link))
        _end_strays(run)
        stop.deafen()
        _log.info("p42 has stopped")


def _end_strays(run: Path) -> None:
    for pid in end_strays(run):
        _log.warning("ended process %d: p42 or a program of it had started it, and left it", pid)
