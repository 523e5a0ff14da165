"""Driver of Command: looks at the path, the PATH and the test runs, and does one step at a time."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable

from p42.kinds.command import installer, trial
from p42.kinds.command.pinned import meant
from p42.kinds.command.promptdriver import PromptDriver
from p42.kinds.command.runs import forged, told, work_of
from p42.kinds.command.seen import (
    MODE,
    Agree,
    Claim,
    Mark,
    Pin,
    PlaceInstaller,
    RemoveFile,
    Seen,
    SetAside,
    SetMode,
    Sign,
    StartCheck,
    StartForge,
    StartTests,
    Step,
    Trial,
    Unclaim,
    WriteFile,
)
from p42.kinds.command.spec import KIND, Command
from p42.model.kind import Want
from p42.model.plan import Outcome
from p42.model.ports import Entry, Registration, World
from p42.model.refs import Ref, is_name
from p42.scripts.marker import marked_name
from p42.scripts.shell import WORDS

_NOTHING = Entry("other", 0)


class Driver:
    """Owns `home/commands` and `home/install-deps.sh`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._directory = world.home / "commands"
        self._installer = world.home / installer.NAME
        self._swept = False
        self._prompts = PromptDriver(world)

    async def observe(self, ref: Ref, want: Want[Command] | None) -> Seen:
        """What stands at the path, and around it."""
        entry = self._world.files.look(self._directory / ref.name)
        form = "absent" if entry is None else entry.form
        entry = entry if entry is not None and form == "file" else _NOTHING
        tried, outcome, work = self._trial(want)
        seen = Seen(
            form=form, mode=entry.mode, data=entry.data,
            claimed=self._world.registry.get(ref) is not None,
            marked=form == "file" and self._made(ref, entry.data),
            rival=self._rival(ref.name), interpreter=self._interpreter(want),
            missing=self._missing(want), installer=self._installed(want),
            trial=tried, verdict=outcome.detail, result=outcome.result, work=work,
        )  # fmt: skip
        if want is None or want.spec.prompt is None:
            return seen
        return await self._prompts.observe(want, seen)

    async def act(self, ref: Ref, want: Want[Command] | None, step: Step) -> None:
        """Do one step."""
        files, path = self._world.files, self._directory / ref.name
        match step:
            case Mark() | Agree() | StartForge() | StartCheck() | Pin() | Sign():
                if want is not None:
                    self._sweep()
                    await self._prompts.act(want, step)
            case StartTests(work):
                if want is not None:
                    await self._start(ref, want, work)
            case SetAside():
                files.set_aside(path)
            case Claim():
                await self._note(ref, want)
            case PlaceInstaller():
                files.place(self._installer, installer.SCRIPT.encode(), mode=installer.MODE)
            case WriteFile(data):
                if want is not None and want.spec.verbatim:
                    await self._note(ref, want)
                files.place(path, data, mode=MODE)
            case SetMode():
                files.chmod(path, MODE)
            case RemoveFile():
                # Looked at again just before: what lost our marker meanwhile is not ours to delete.
                entry = files.look(path)
                if entry is not None and self._made(ref, entry.data):
                    files.remove(path)
            case Unclaim():
                await self._world.registry.drop(ref)

    async def _note(self, ref: Ref, want: Want[Command] | None) -> None:
        """Write down that the path is ours; of bytes that carry no marker, their digest as well."""
        data = forged(want) if want is not None and want.spec.verbatim else None
        await self._world.registry.put(ref, Registration("" if data is None else _digest(data), {}))

    def _made(self, ref: Ref, data: bytes) -> bool:
        """Whether `data` is something we placed under this name."""
        row = self._world.registry.get(ref)
        return marked_name(data) == ref.name or (
            row is not None and row.digest != "" and row.digest == _digest(data)
        )

    async def watch(self, wake: Callable[[Ref | None], None]) -> None:
        """Names that changed in the directory are names of commands."""
        self._sweep()
        async for names in self._world.files.follow(self._directory):
            for name in names:
                if is_name(name):
                    wake(Ref(KIND, name))

    async def _start(self, ref: Ref, want: Want[Command], work: str) -> None:
        known = self._world.works.get(work)
        if known is not None and known.outcome and trial.unrun(known.outcome.result):
            await self._world.works.forget(work)
        data, real = forged(want), meant(want)
        if data is None or real is None:
            raise RuntimeError("tests of a command that has no bytes")
        machine = self._world.approvals.machine_made(ref) or want.spec.prompt is not None
        grants = trial.granted(real.spec.sandbox, machine=machine)
        run = trial.Run(self._world, ref.name, data=data, tests=real.spec.tests, grants=grants)
        self._sweep()
        self._world.works.start(ref, work, lambda: run(work))

    def _sweep(self) -> None:
        """Once, before the first run: what a daemon killed in the middle of a run left behind."""
        if not self._swept:
            self._swept = True
            shutil.rmtree(trial.place(self._world.home), ignore_errors=True)

    def _trial(self, want: Want[Command] | None) -> tuple[Trial, Outcome, str]:
        work = work_of(want) if want is not None else ""
        found = self._world.works.get(work) if work else None
        if found is None or found.outcome is None:
            state: Trial = "none" if not work else "unknown" if found is None else "running"
            return state, Outcome(work, ok=False), work
        return ("passed" if found.outcome.ok else "failed"), found.outcome, work

    def _rival(self, name: str) -> str:
        if name in WORDS:
            return "a word of the shell"
        other = self._world.files.which(name, skip=self._directory)
        if other is None:
            return ""
        # The same command under another home of this user is no rival: it is the same manifest.
        entry = self._world.files.look(other)
        twin = entry is not None and marked_name(entry.data) == name
        return "" if twin else str(other)

    def _interpreter(self, want: Want[Command] | None) -> str:
        program = told(want).program if want is not None else ""
        return program if program and self._world.files.which(program) is None else ""

    def _missing(self, want: Want[Command] | None) -> tuple[str, ...]:
        wanted = (meant(want) or want).spec.dependencies if want is not None else ()
        return tuple(tool for tool in wanted if self._world.files.which(tool) is None)

    def _installed(self, want: Want[Command] | None) -> bool:
        """One that p42 did not make (the original's, say) is left as it is: it takes names too."""
        if want is None or not (meant(want) or want).spec.dependencies:
            return True
        entry = self._world.files.look(self._installer)
        if entry is None:
            return False
        if entry.form != "file" or installer.MARK not in entry.data:
            return True
        return entry.mode == installer.MODE and entry.data == installer.SCRIPT.encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
