"""Serving: the rooms on their database, until told to stop."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from p42.config.settings import Settings
from p42.daemon.rooms import Rooms
from p42.daemon.running import alone
from p42.kinds import discover
from p42.manifest.kindbook import KindBook
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.stopping import Stop
from p42.stores.keys.redaction import Redactor
from p42.stores.state.database import Database

_log = logging.getLogger("p42")


async def serve(
    settings: Settings, sources: Sequence[str], stop: Stop, *, redactor: Redactor, link: KeeperLink
) -> None:
    """Everything that runs in the loop. Raises what is wrong with a source, a disk, a database."""
    with Database.open(settings.home) as database, alone():
        if database.aside is not None:
            _log.warning("state.db was damaged and is kept as %s; it is made anew", database.aside)
        rooms = Rooms(settings, database, KindBook.load(), discover(), link=link, redactor=redactor)
        await rooms.run(sources, stop)
