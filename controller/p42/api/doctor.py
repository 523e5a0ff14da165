"""Doctor: what the daemon sees that is not as it should be, and the remedy of each."""

from __future__ import annotations

import asyncio
import os
import resource
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

from p42.api import keys
from p42.api.asking import Nothing
from p42.api.house import House, engine_of, house_of
from p42.api.shapes import Coded, Json, is_in_sync
from p42.engine.view import View
from p42.model.approval import Pin
from p42.model.errors import Exit
from p42.model.ports import World

EVERYWHERE = "/"  # as a pin has it
FEW_DESCRIPTORS = 1024  # the gateway takes up to as many connections, files come on top
FEW_WATCHES = 8192  # inotify watches; a directory takes one each


class Finding(TypedDict):
    """`level` is ok, note or problem; `remedy` "" where there is nothing to do."""

    check: str
    level: str
    message: str
    remedy: str


class Findings(Coded):
    """Code 1 if one is a problem."""

    checks: list[Json]


async def doctor(world: World, request: Nothing) -> Findings:
    """All checks, in a fixed order."""
    view, house = engine_of(world).view(), house_of(world)
    found = await asyncio.to_thread(lambda: list(_checks(world.home, house, view)))
    found += _writers(world.approvals.pinned_by())
    found.append(_keys(await keys.where(world, request)))
    bad = any(each["level"] == "problem" for each in found)
    return {"checks": [dict(each) for each in found], "code": Exit.FAILED if bad else Exit.OK}


def _checks(home: Path, house: House, view: View) -> Iterator[Finding]:
    yield from _home(home)
    yield from _settings(house)
    yield _gateway(house)
    yield _http(house)
    yield _database(house)
    yield _wishes(view)
    yield from (_source(house, source) for source in view.sources)
    yield _descriptors()
    yield from _watches()


def _settings(house: House) -> Iterator[Finding]:
    for name in house.settings.later:
        message = f"{name} is set, and this version does not serve it yet"
        yield {"check": "settings", "level": "note", "message": message, "remedy": ""}


def _ok(check: str, message: str) -> Finding:
    return {"check": check, "level": "ok", "message": message, "remedy": ""}


def _note(check: str, message: str, remedy: str) -> Finding:
    return {"check": check, "level": "note", "message": message, "remedy": remedy}


def _problem(check: str, message: str, remedy: str) -> Finding:
    return {"check": check, "level": "problem", "message": message, "remedy": remedy}


def _home(home: Path) -> Iterator[Finding]:
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & 0o077:
        yield _problem("home", f"{home} is open to others ({mode:o})", f"chmod 700 {home}")
    else:
        yield _ok("home", f"{home} is yours alone")


def _gateway(house: House) -> Finding:
    doors = house.doors
    if doors.port is None:
        return _problem("gateway", "no TCP port is open; the control socket is", doors.note)
    where = f"listens on 127.0.0.1:{doors.port}"
    return _note("gateway", where, doors.note) if doors.note else _ok("gateway", where)


def _http(house: House) -> Finding:
    if house.web.port is None:
        return _problem("http", "the HTTP door is closed", house.web.note)
    return _ok("http", f"listens on 127.0.0.1:{house.web.port}")


def _database(house: House) -> Finding:
    if not house.database_lost:
        return _ok("state", "the state database is sound")
    return _note(
        "state", "the state database was damaged and was made anew; nothing was deleted",
        "restart p42 once everything shows as it should: p42 restart",
    )  # fmt: skip


def _wishes(view: View) -> Finding:
    if view.broken:
        first = view.broken[0]
        where = f"{first.file}:{first.line}:{first.column}"
        text = f"{len(view.broken)} findings in manifests, the first at {where}"
        return _note("manifests", text, "p42 get status shows them all")
    if view.held:
        return _note("manifests", f"{len(view.held)} deletions wait", "p42 apply --prune, if meant")
    behind = sum(not is_in_sync(row) for row in view.rows.values())
    if behind:
        return _note("manifests", f"{behind} resources are not ready", "p42 get status")
    return _ok("manifests", f"{len(view.rows)} resources, all in sync")


def _writers(pins: Sequence[Pin]) -> Iterator[Finding]:
    """Programs on whose account changes wait just now."""
    for path, who in sorted({(pin.path, pin.who) for pin in pins}):
        where = "what p42 follows, for there is no sandbox" if path == EVERYWHERE else path
        yield _note(
            "agents", f"{who} may write {where}: every change there waits for approval",
            "it passes when that program has ended; what waits by then: p42 approve --all",
        )  # fmt: skip


def _keys(where: keys.Where) -> Finding:
    uses = f"kept in: {where['inUse']}"
    if where["exists"] and not where["unlocked"]:
        return _note("keys", f"{uses} (locked)", "p42 account unlock")
    if where["message"]:
        return _note("keys", "there is no place to keep them yet", where["message"])
    return _ok("keys", uses)


def _source(house: House, source: str) -> Finding:
    if not os.access(source, os.R_OK):
        remedy = f"put it back, or forget it: p42 delete -f {source}"
        return _problem("source", f"{source} cannot be read; what it declared is kept", remedy)
    return _ok("source", f"{source} ({house.modes(source)})")


def _descriptors() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 < soft < FEW_DESCRIPTORS:
        return _note(
            "descriptors", f"only {soft} files may be open", "ulimit -n 4096, then restart"
        )
    return _ok("descriptors", f"{soft} files may be open")


def _watches() -> Iterator[Finding]:
    path = Path("/proc/sys/fs/inotify/max_user_watches")
    if not path.exists():
        return
    watches = int(path.read_text())
    if watches < FEW_WATCHES:
        remedy = f"sysctl fs.inotify.max_user_watches={FEW_WATCHES * 8}"
        yield _note("inotify", f"only {watches} directories can be watched", remedy)
    else:
        yield _ok("inotify", f"{watches} directories can be watched")
