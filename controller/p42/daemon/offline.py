"""Offline: the rooms without a daemon, for a question that changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from p42.api.desired import Diff, diff
from p42.api.shapes import Steps
from p42.config.settings import Settings
from p42.daemon.rooms import Rooms
from p42.daemon.running import alone
from p42.kinds import discover
from p42.manifest.kindbook import KindBook
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.stopping import Stop
from p42.stores.state.database import Database


def plan(settings: Settings, paths: Sequence[str], *, stdin: str | None, prune: bool) -> Steps:
    """The steps that an apply of `paths` would take, as things stand now."""
    return asyncio.run(_plan(settings, Diff(paths=tuple(paths), stdin=stdin, prune=prune)))


async def _plan(settings: Settings, asked: Diff) -> Steps:
    link = KeeperLink(settings.home / "run", grace=settings.keeper_grace)
    with Database.copy(settings.home) as database, alone():
        rooms = Rooms(settings, database, KindBook.load(), discover(), link=link, offline=True)
        async with rooms.works:
            return await diff(rooms.for_verbs(Stop()), asked)
