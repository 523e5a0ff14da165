"""Forge: a command that an agent wrote into a reply becomes a manifest, and nothing more.

    reply -> first json block that means one, or first call of `forge_command` that will do
    -> draft, checked -> marked as made by a machine -> manifests/commands/NAME.yaml in the home
    -> the loop, which holds it until approved

A person may name another directory (`--into`); its next versions go to where it stands then.

Guarantees
- Nothing a model says makes a file anywhere else, or an executable anywhere at all.
- The mark that holds it is on disk before the manifest is.
- Everything that does not become a command has a reason for the person who asked. That it is no
  program is one: its interpreter has read it.
- It is not run, unless a person wrote `approve: auto` beside it: then it is begun, in a sandbox.
- A manifest that a person wrote is never written over.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from p42.ai.accounts.ports import Registered
from p42.ai.forge.found import blocks_of, calls_of, described, left, name_of, told
from p42.ai.forge.naming import KIND, Taken, checked
from p42.ai.forge.place import PRIVATE, Place, Places
from p42.ai.forge.sheet import (
    Kept,
    Origin,
    difference,
    look,
    sheet,
    spec_of,
    without_status,
)
from p42.manifest.kindbook import KindBook
from p42.model.approval import Approvals
from p42.model.errors import Blocked, InvalidInput, Retry
from p42.model.faults import fault
from p42.model.ports import Files, Processes
from p42.model.refs import Ref
from p42.model.resource import Place as Spot
from p42.model.resource import Resource
from p42.model.talk import Forged, Heard
from p42.scripts.begins import breaks
from p42.scripts.draft import Draft, draft
from p42.scripts.modules import only_modules
from p42.scripts.notes import FORGED_BY
from p42.scripts.reply import Found, Unfit
from p42.scripts.syntax import misread, missing

NO_SPEC = "the answer holds no json object with name and implementation"
SAVES = 3  # tries; a status may be written into the file at the very moment
NO_OTHER = "it is the version that failed"


class _Wanted(NamedTuple):
    """A spec that was looked at, and what stands where it would go."""

    name: str
    draft: Draft
    place: Place
    old: Resource | None
    before: bytes


async def _always(_: Resource) -> bool:
    return True


class Forge:
    """The Listener. `declared` gives what now stands under a name in any followed source.

    `sources` tells which those are.
    """

    def __init__(
        self,
        home: Path,
        files: Files,
        *,
        approvals: Approvals,
        registry: Registered,
        book: KindBook,
        declared: Callable[[Ref], Resource | None],
        sources: Callable[[], Sequence[str]] = tuple,
        processes: Processes | None = None,
        waits: Callable[[Resource], bool] = lambda _: True,
        in_force: Callable[[Resource], Awaitable[bool]] = _always,
        places: Callable[[Ref], Sequence[Spot]] = lambda _: (),
    ) -> None:
        """`processes` None: a script is only looked at. `waits`: does it wait for a person?

        `in_force`: is it what runs now? Only that is a version to go back to. `places`: of the
        documents of a name, also of those that do not hold.
        """
        self._waits, self._in_force = waits, in_force
        self._processes, self._rooms = processes, home / "run" / "forge"
        self._files, self._approvals, self._book = files, approvals, book
        self._places = Places(home, files, sources)
        self._went: dict[str, tuple[str, Origin]] = {}  # what may not have been read back yet
        self._taken, self._declared = Taken(home, files, registry), declared
        self._documents = places
        self._one = asyncio.Lock()  # two replies at once may mean the same name

    async def heard(self, heard: Heard) -> Sequence[Forged]:
        """What came of a reply. Raises nothing for what is wrong with it: it says so."""
        if not heard.agent.get("forge"):
            return ()
        calls = calls_of(heard)
        found = calls or blocks_of(heard)
        if not found:
            return (Forged("", {}, problem=NO_SPEC),) if heard.asked or heard.mends else ()
        first, *others = found
        if (heard.asked or heard.mends) and not first.problem:
            first = first._replace(spec=described(first.spec, heard))
        async with self._one:
            made = [await self._made(first, heard)]
            for each in others:  # a call is told what is wrong, so another may be the next try
                again = calls and not any(one.file for one in made)
                made.append(await self._made(each, heard) if again else left(each))
        return made

    async def unfit(self, name: str, session: str, spec: Mapping[str, Any]) -> str:
        """Why what the agent `name` wants to declare would be refused; "" = it would not be."""
        try:
            wanted = await self._look(spec, Origin(name, session, ""), "")
            await self._try(wanted.draft, agreed=False)
        except (Unfit, InvalidInput, Blocked, Retry) as error:
            return str(error)
        return ""

    async def _made(self, found: Found, heard: Heard) -> Forged:
        if found.problem:
            return Forged("", {}, problem=found.problem)
        try:
            return await self._declare(found.spec, heard)
        except (Unfit, InvalidInput, Blocked, Retry) as error:
            return Forged(name_of(found.spec), told(found.spec), problem=str(error))

    async def _look(self, spec: Mapping[str, Any], origin: Origin, into: str) -> _Wanted:
        """What it asks for, and whether it may stand there. Unfit if not."""
        name = checked(spec.get("name"))
        wanted = await asyncio.to_thread(draft, spec)
        place = await asyncio.to_thread(self._place_of, name, origin, into)
        old, before = await asyncio.to_thread(self._standing, name, place)
        return _Wanted(name, wanted, place, old, before)

    async def _declare(self, spec: Mapping[str, Any], heard: Heard) -> Forged:
        origin = Origin(heard.name, heard.session, heard.model)
        name, wanted, place, old, before = await self._look(spec, origin, heard.into)
        kept = Kept() if old is None else Kept.of(old)
        # `approve: auto` is never taken from a model: what stands there, a person wrote.
        agreed = kept.spec.get("approve") == "auto"
        await self._try(wanted, agreed=agreed)
        file = str(place.file)
        if old is not None and dict(old.spec) == spec_of(wanted, kept):
            if heard.mends:
                raise Unfit(NO_OTHER)
            return Forged(name, told(spec), file, waits=self._waits(_at(old, file)))
        text = sheet(name, wanted, origin, kept)
        check = (name, text, spec_of(wanted, kept))
        made = _at(await asyncio.to_thread(self._check, *check), file)
        ran = old is not None and await self._in_force(_at(old, file))
        await self._approvals.mark(made.ref, auto=agreed)
        await asyncio.to_thread(self._write, place, text.encode(), before, ran)
        self._went[name] = file, origin
        new = difference(place.shown, without_status(before.decode()), text)
        return Forged(name, told(spec), file=file, diff=new, waits=self._waits(made))

    async def _try(self, wanted: Draft, *, agreed: bool) -> None:
        """Unfit for what is no program here, or breaks at once. Begun only if that was `agreed`."""
        source, language, needs = wanted.source, wanted.language, wanted.dependencies
        if wrong := await asyncio.to_thread(only_modules, source, language, needs, self._has):
            raise Unfit(wrong)
        if self._processes is None:
            return
        if program := await asyncio.to_thread(missing, self._files, source, language):
            raise Unfit(f"it is run by {program}, which is not installed here; install it first")
        with self._room() as name:
            wrong = await misread(self._processes, Path(name), source, language)
            if agreed and not wrong:
                wrong = await breaks(
                    self._processes, self._files, Path(name), source, language=language,
                    needs=needs,
                )  # fmt: skip
        if wrong:
            raise Unfit(wrong)

    def _has(self, program: str) -> bool:
        return self._files.which(program) is not None

    def _room(self) -> TemporaryDirectory[str]:
        """An empty directory that goes with its block. Retry, Blocked for what the disk refuses."""
        try:
            self._rooms.mkdir(mode=0o700, parents=True, exist_ok=True)
            return TemporaryDirectory(dir=self._rooms, ignore_cleanup_errors=True)
        except OSError as error:
            raise fault(error, str(self._rooms)) from error

    def _place_of(self, name: str, origin: Origin, into: str) -> Place:
        """Where it goes. Unfit where it would be a second of its name."""
        wanted = self._places.within(into, name) if into else self._places.own(name)
        file, where, ours = self._stands(name, origin)
        if file in ("", str(wanted.file)):
            return wanted
        ours = ours and Path(file).name == wanted.file.name  # else it may stand among others
        if ours and not into:
            return self._places.at(file)
        advice = "without --into it goes there" if ours else "ask for another name"
        raise Unfit(f"command/{name} is declared in {where}; {advice}")

    def _stands(self, name: str, origin: Origin) -> tuple[str, str, bool]:
        """The file that declares the name, "" = none does, its line, and whether we wrote it."""
        ref = Ref(KIND, name)
        there, good = self._declared(ref), ""
        if there is not None:
            good = there.place.file
        # One that never held is somebody's all the same, and another would be a second of its name.
        other = next((each for each in self._documents(ref) if each.file != good), None)
        if other is not None:
            return other.file, str(other), False
        if there is not None:
            self._went.pop(name, None)
            return there.place.file, str(there.place), origin.wrote(there.annotations)
        file, maker = self._went.get(name, ("", origin))
        if not file or not os.path.lexists(file):
            return "", "", False
        return file, file, origin.wrote(maker.annotations)

    def _standing(self, name: str, place: Place) -> tuple[Resource | None, bytes]:
        """The machine-made manifest of that name, and its bytes. Unfit for anybody else's."""
        entry = place.files.look(place.file)
        if entry is None:
            self._taken.check(name)
            return None, b""
        theirs = f"{place.file} was not forged; change it there, or ask for another name"
        if entry.form != "file":
            raise Unfit(theirs)
        try:
            old = look(self._book, name, entry.data)
        except Unfit:
            raise Unfit(f"{place.file} does not hold as it stands; mend it first") from None
        if FORGED_BY not in old.annotations:
            raise Unfit(theirs)
        return old, entry.data

    def _check(self, name: str, text: str, spec: Mapping[str, Any]) -> Resource:
        """What the text declares. Unfit unless that is meant, by the rules of any manifest."""
        found = look(self._book, name, text.encode())
        if dict(found.spec) != spec:
            raise Unfit("it cannot be written down as it is")
        return found

    def _write(self, place: Place, data: bytes, before: bytes, ran: bool) -> None:
        """`ran`: `before` was in force. What never was is nothing to go back to, and goes."""
        files, target = place.files, place.file
        for _ in range(SAVES):
            entry = files.look(target)
            now = entry.data if entry else b""
            if now != before and _bare(now) != _bare(before):
                break
            if ran:
                files.place(place.spare, before, mode=PRIVATE)
            elif not before:  # a new one has no earlier version, whoever bore its name once
                files.remove(place.spare)
            mode = entry.mode if entry else place.mode
            if files.swap(target, data, was=now or None, mode=mode):
                return
        raise Unfit(f"{target} was changed meanwhile; ask again")


def _bare(data: bytes) -> str:
    """Without the status, which p42 itself writes whenever it settles."""
    return without_status(data.decode(errors="replace"))


def _at(resource: Resource, file: str) -> Resource:
    """It was read in a directory of its own."""
    return replace(resource, place=replace(resource.place, file=file))
