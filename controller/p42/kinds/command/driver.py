"""Driver of Command: looks at the path, the PATH and the test runs, and does one step at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from p42.kinds.command import installer, trial
from p42.kinds.command.forge import INTERPRETERS, language_of, marked_name, source_of
from p42.kinds.command.plan import forged, work_of
from p42.kinds.command.seen import (
    MODE,
    Claim,
    Form,
    PlaceInstaller,
    RemoveFile,
    Seen,
    SetMode,
    StartTests,
    Step,
    Trial,
    Unclaim,
    WriteFile,
)
from p42.kinds.command.shell import WORDS
from p42.kinds.command.spec import KIND, Command
from p42.model.kind import Want
from p42.model.ports import Entry, Registration, World
from p42.model.refs import Ref, is_name


class Driver:
    """Owns `home/commands` and `home/install-deps.sh`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._directory = world.home / "commands"
        self._installer = world.home / installer.NAME

    async def observe(self, ref: Ref, want: Want[Command] | None) -> Seen:
        """What stands at the path, and around it."""
        entry = self._world.files.look(self._directory / ref.name)
        form, mode, data = _told(entry)
        tried, verdict, work = self._trial(want)
        return Seen(
            form=form, mode=mode, data=data,
            claimed=self._world.registry.get(ref) is not None,
            marked=form == "file" and marked_name(data) == ref.name,
            rival=self._rival(ref.name), interpreter=self._interpreter(want),
            missing=self._missing(want), installer=self._installed(want),
            trial=tried, verdict=verdict, work=work,
        )  # fmt: skip

    async def act(self, ref: Ref, want: Want[Command] | None, step: Step) -> None:
        """Do one step."""
        path = self._directory / ref.name
        match step:
            case Claim():
                await self._world.registry.put(ref, Registration("", {}))
            case StartTests(work) if want is not None:
                self._start(ref, want, work)
            case PlaceInstaller():
                script = installer.SCRIPT.encode()
                self._world.files.place(self._installer, script, mode=installer.MODE)
            case WriteFile(data, keep=keep):
                if keep:
                    self._keep(ref.name)
                self._world.files.place(path, data, mode=MODE)
            case SetMode():
                self._world.files.chmod(path, MODE)
            case RemoveFile():
                self._remove(path, ref.name)
            case Unclaim():
                await self._world.registry.drop(ref)

    async def watch(self, wake: Callable[[Ref | None], None]) -> None:
        """Names that changed in the directory are names of commands."""
        # What a daemon that was killed in the middle of a test run left behind.
        shutil.rmtree(self._world.home / "run" / "tests", ignore_errors=True)
        async for names in self._world.files.follow(self._directory):
            for name in names:
                if is_name(name):
                    wake(Ref(KIND, name))

    def _start(self, ref: Ref, want: Want[Command], work: str) -> None:
        data = forged(want)
        assert data is not None  # noqa: S101 - the plan asks for tests of bytes only
        self._world.works.start(
            ref,
            work,
            lambda: trial.run(self._world, ref.name, data=data, spec=want.spec, work=work),
        )

    def _keep(self, name: str) -> None:
        """Put a copy of what is adopted aside; the first one stays, whatever comes later."""
        aside = self._directory / ".p42" / f"{name}.before-p42"
        entry = self._world.files.look(self._directory / name)
        if entry is not None and entry.form == "file" and self._world.files.look(aside) is None:
            self._world.files.place(aside, entry.data, mode=entry.mode)

    def _remove(self, path: Path, name: str) -> None:
        """Looked at again just before: what lost our marker meanwhile is not ours to delete."""
        entry = self._world.files.look(path)
        if entry is not None and entry.form == "file" and marked_name(entry.data) == name:
            self._world.files.remove(path)

    def _trial(self, want: Want[Command] | None) -> tuple[Trial, str, str]:
        work = work_of(want) if want is not None and (want.spec.prompt is None) else ""
        if not work:
            return "none", "", ""
        found = self._world.works.get(work)
        if found is None:
            return "unknown", "", work
        if found.outcome is None:
            return "running", "", work
        return ("passed" if found.outcome.ok else "failed"), found.outcome.detail, work

    def _rival(self, name: str) -> str:
        if name in WORDS:
            return "the shell's own word"
        other = self._world.files.which(name, skip=self._directory)
        return str(other) if other is not None else ""

    def _interpreter(self, want: Want[Command] | None) -> str:
        source = source_of(want.spec, want.files) if want is not None else None
        if want is None or source is None or source.startswith(b"#!"):
            return ""  # a shebang of its own: whoever wrote it knows what it is run by
        program = INTERPRETERS[language_of(want.spec, source)]
        return "" if self._world.files.which(program) else program

    def _missing(self, want: Want[Command] | None) -> tuple[str, ...]:
        wanted = want.spec.dependencies if want is not None else ()
        return tuple(tool for tool in wanted if self._world.files.which(tool) is None)

    def _installed(self, want: Want[Command] | None) -> bool:
        if want is None or not want.spec.dependencies:
            return True
        entry = self._world.files.look(self._installer)
        script = installer.SCRIPT.encode()
        return entry == Entry("file", installer.MODE, script)


def _told(entry: Entry | None) -> tuple[Form, int, bytes]:
    if entry is None:
        return "absent", 0, b""
    return entry.form, entry.mode if entry.form == "file" else 0, entry.data
