"""Forge: a command that an agent wrote into a reply becomes a manifest, and nothing more.

    reply -> first json block, or call of `forge_command` -> draft, checked -> marked as made by a
    machine -> manifests/commands/NAME.yaml in the home -> the loop, which holds it until approved

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from p42.ai.forgename import KIND, Taken, checked
from p42.ai.forgesheet import (
    FORGED_BY,
    Kept,
    Origin,
    difference,
    look,
    sheet,
    spec_of,
    without_status,
)
from p42.ai.ports import Registered
from p42.manifest.kindbook import KindBook
from p42.model.approval import Approvals
from p42.model.completion import Tool
from p42.model.errors import Blocked, Retry
from p42.model.faults import fault
from p42.model.ports import Files, Processes
from p42.model.refs import Ref
from p42.model.resource import Resource
from p42.model.talk import Forged, Heard
from p42.scripts.begins import breaks
from p42.scripts.draft import Draft, draft
from p42.scripts.hidden import hidden
from p42.scripts.reply import Found, Unfit, blocks
from p42.scripts.syntax import misread, missing

PRIVATE = 0o600
PREVIOUS = "previous"  # `.p42/NAME.yaml.previous` beside it: what the last version replaced
NO_SPEC = "the answer holds no json object with name and implementation"
NOT_FIRST = "a reply makes one command, its first; ask for this one by itself"

TOOL = Tool(
    "forge_command",
    "Declare a command. A person sees it as a diff and approves it before it can be run.",
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Lower-case letters, digits and -."},
            "description": {"type": "string", "description": "What it does, in a line."},
            "language": {"enum": ["bash", "python", "node"]},
            "dependencies": {"type": "array", "items": {"type": "string"},
                             "description": "Programs it needs."},
            "implementation": {"type": "string", "description": "The script."},
        },
        "required": ["name", "implementation"],
        "additionalProperties": False,
    },
)  # fmt: skip


class Forge:
    """The Listener. `declared` gives what now stands under a name in any followed source."""

    def __init__(
        self,
        home: Path,
        files: Files,
        *,
        approvals: Approvals,
        registry: Registered,
        book: KindBook,
        declared: Callable[[Ref], Resource | None],
        processes: Processes | None = None,
    ) -> None:
        """`processes` None: a script is only looked at."""
        self._processes, self._rooms = processes, home / "run" / "forge"
        self._directory = home / "manifests" / "commands"
        self._files, self._approvals, self._book = files, approvals, book
        self._taken, self._declared = Taken(home, files, registry), declared
        self._one = asyncio.Lock()  # two replies at once may mean the same name

    async def heard(self, heard: Heard) -> Sequence[Forged]:
        """What came of a reply. Raises nothing for what is wrong with it: it says so."""
        if not heard.agent.get("forge"):
            return ()
        found = list(specs(heard))
        if not found:
            return (Forged("", {}, problem=NO_SPEC),) if heard.asked else ()
        origin = Origin(heard.name, heard.session, heard.model)
        first, *others = found
        if heard.asked and not first.problem:
            first = first._replace(spec=_described(first.spec, heard.asked))
        async with self._one:
            made = await self._made(first, origin)
        return (made, *(_left(each) for each in others))

    async def _made(self, found: Found, origin: Origin) -> Forged:
        if found.problem:
            return Forged("", {}, problem=found.problem)
        try:
            return await self._declare(found.spec, origin)
        except (Unfit, Blocked, Retry) as error:
            return Forged(_name(found.spec), told(found.spec), problem=str(error))

    async def _declare(self, spec: Mapping[str, Any], origin: Origin) -> Forged:
        name = checked(spec.get("name"))
        wanted = await asyncio.to_thread(draft, spec)
        target = self._directory / f"{name}.yaml"
        old, before = await asyncio.to_thread(self._standing, name, target)
        kept = Kept() if old is None else Kept.of(old)
        # `approve: auto` is never taken from a model: what stands there, a person wrote.
        agreed = kept.spec.get("approve") == "auto"
        await self._try(wanted, agreed=agreed)
        if old is not None and dict(old.spec) == spec_of(wanted, kept):
            return Forged(name, told(spec), file=str(target))
        text = sheet(name, wanted, origin, kept)
        await asyncio.to_thread(self._check, name, text, spec_of(wanted, kept))
        await self._approvals.mark(Ref(KIND, name), auto=agreed)
        await asyncio.to_thread(self._place, target, text.encode(), before)
        new = difference(name, without_status(before.decode()), text)
        return Forged(name, told(spec), file=str(target), diff=new)

    async def _try(self, wanted: Draft, *, agreed: bool) -> None:
        """Unfit for what is no program here, or breaks at once. Begun only if that was `agreed`."""
        if self._processes is None:
            return
        source, language = wanted.source, wanted.language
        if program := await asyncio.to_thread(missing, self._files, source, language):
            raise Unfit(f"it is run by {program}, which is not installed here; install it first")
        with self._room() as name:
            wrong = await misread(self._processes, Path(name), source, language)
            if agreed and not wrong:
                wrong = await breaks(
                    self._processes, self._files, Path(name), source, language=language,
                    needs=wanted.dependencies,
                )  # fmt: skip
        if wrong:
            raise Unfit(wrong)

    def _room(self) -> TemporaryDirectory[str]:
        """An empty directory that goes with its block. Retry, Blocked for what the disk refuses."""
        try:
            self._rooms.mkdir(mode=0o700, parents=True, exist_ok=True)
            return TemporaryDirectory(dir=self._rooms, ignore_cleanup_errors=True)
        except OSError as error:
            raise fault(error, str(self._rooms)) from error

    def _standing(self, name: str, target: Path) -> tuple[Resource | None, bytes]:
        """The machine-made manifest of that name, and its bytes. Unfit for anybody else's."""
        declared = self._declared(Ref(KIND, name))
        if declared is not None and declared.place.file != str(target):
            raise Unfit(f"command/{name} is declared in {declared.place}; ask for another name")
        entry = self._files.look(target)
        if entry is None:
            self._taken.check(name)
            return None, b""
        theirs = f"{target} was not forged; change it there, or ask for another name"
        if entry.form != "file":
            raise Unfit(theirs)
        try:
            old = look(self._book, name, entry.data)
        except Unfit:
            raise Unfit(f"{target} does not hold as it stands; mend it first") from None
        if FORGED_BY not in old.annotations:
            raise Unfit(theirs)
        return old, entry.data

    def _check(self, name: str, text: str, spec: Mapping[str, Any]) -> None:
        """Unfit unless the text says what is meant, by the rules of any manifest."""
        if dict(look(self._book, name, text.encode()).spec) != spec:
            raise Unfit("it cannot be written down as it is")

    def _place(self, target: Path, data: bytes, before: bytes) -> None:
        changed = Unfit(f"{target} was changed meanwhile; ask again")
        entry = self._files.look(target)
        if (entry.data if entry else b"") != before:
            raise changed
        if before:
            spare = target.parent / ".p42" / f"{target.name}.{PREVIOUS}"
            self._files.place(spare, before, mode=PRIVATE)
        if not self._files.swap(target, data, was=before or None, mode=PRIVATE):
            raise changed


def specs(heard: Heard) -> Iterator[Found]:
    """What a reply asks to be forged: calls of the tool, else json blocks that look like a spec.

    Of the blocks the first counts whatever it holds; a later one only as something left out.
    """
    calls = [call for call in heard.calls if call.name == TOOL.name]
    if calls:
        yield from (Found(call.arguments) for call in calls)
        return
    for number, found in enumerate(blocks(heard.text)):
        if number == 0 or {"name", "implementation"} <= found.spec.keys():
            yield found


def _described(spec: Mapping[str, Any], asked: str) -> Mapping[str, Any]:
    """What it does is what was asked for, where the model does not say."""
    if spec.get("description") or hidden(asked):
        return spec
    return {**spec, "description": asked}


def told(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A spec as the original tells it: without what is empty, and nothing it does not know."""
    known = ("name", "description", "implementation", "language", "dependencies")
    found = {key: spec[key] for key in known if spec.get(key)}
    return {**found, "language": found.get("language", "bash")}


def _left(found: Found) -> Forged:
    return Forged(_name(found.spec), told(found.spec), problem=NOT_FIRST)


def _name(spec: Mapping[str, Any]) -> str:
    name = spec.get("name")
    return name[:200] if isinstance(name, str) else ""
