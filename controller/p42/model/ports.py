"""Ports: the world as kinds and verbs may reach it. Protocols only; daemon.py fills them in.

Every method raises Retry for what time mends (disk full, no descriptors, a busy database) and
Blocked for what the user has to mend (no permission, a read-only directory). Adapters translate
once, here at the border; nothing below sees an OSError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from p42.model.approval import Approvals
from p42.model.grants import Grants
from p42.model.models import Models
from p42.model.pins import Pins
from p42.model.plan import Instant, Outcome
from p42.model.refs import Ref
from p42.model.secret import Keys
from p42.model.session import Sessions
from p42.model.sockets import PortLeases, Units
from p42.model.talk import Talks


class Clock(Protocol):
    """Time. Faked in tests."""

    def now(self) -> Instant:
        """Wall time, for people and for what must outlive the process."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait in loop time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a path, not following a last symbolic link. `data` only of plain files."""

    form: Literal["file", "directory", "link", "other"]
    mode: int  # permission bits only, 0o755
    data: bytes = b""


class Files(Protocol):
    """Small files of p42's own. Paths are absolute; a directory in between is never a link."""

    def look(self, path: Path) -> Entry | None:
        """What is at `path`; None = nothing. Never follows the last link. Reads up to 4 MiB."""

    def names(self, directory: Path) -> tuple[str, ...]:
        """Names in `directory`, sorted; () if it is not there."""

    def place(self, path: Path, data: bytes, *, mode: int) -> None:
        """Write whole or not at all: temporary file in `.p42/` beside it, then rename.

        Not synced to disk: for what can be made again. Makes missing parents, 0700.
        """

    def swap(self, path: Path, data: bytes | None, *, was: bytes | None, mode: int) -> bool:
        """As `place`, but over nothing else than `was`; None: nothing is there, or is to be.

        False: something else is there, and stays, however late it was saved.
        """

    def chmod(self, path: Path, mode: int) -> None:
        """Set permission bits. Nothing there: no effect."""

    def remove(self, path: Path) -> None:
        """Unlink. Nothing there: no effect. Never a directory."""

    def set_aside(self, path: Path) -> None:
        """Move what is at `path`, whatever it is, to `.p42/NAME.aside` beside it; loses nothing.

        A name already taken there gets a number. Nothing there: no effect.
        """

    def which(self, program: str, *, skip: Path | None = None) -> Path | None:
        """The first executable of that name on the user's PATH, not looking into `skip`."""

    def runs(self, path: Path) -> bool:
        """Whether at `path`, anywhere on this machine, is a file that may be run. Follows links."""

    def reads(self, path: Path) -> bool:
        """Whether at `path`, anywhere on this machine, is a file that may be read; its name may be
        there in another case.

        A link at its end may not lead out of its directory.
        """

    def follow(self, directory: Path) -> AsyncIterator[frozenset[str]]:
        """Names in `directory` that may have changed, until closed. Hints: may lose or double."""


@dataclass(frozen=True, slots=True)
class Run:
    """One program run to its end. `stdout` and `stderr` are cut at 1 MiB each."""

    exit_code: int  # negative: ended by that signal
    stdout: bytes
    stderr: bytes
    timed_out: bool = False


class Processes(Protocol):
    """Programs run to their end, each in its own process group; their environment is chosen."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - the group must be killed before it is raised
        grants: Grants | None = None,
    ) -> Run:
        """Run to the end or to `timeout` seconds; then, or when cancelled, the group is killed.

        `env` is added to the allow-list (PATH, HOME, LANG, LC_*, TERM, TZ, TMPDIR, USER, P42_HOME).
        With `grants` it runs in a sandbox. Blocked when the program, or a sandbox, is not there.
        """


class Journal(Protocol):
    """Events, for people: `p42 events`. Equal ones in a row are counted, not repeated."""

    def note(self, ref: Ref | None, reason: str, message: str, *, warning: bool = False) -> None:
        """Note an event. Never blocks, never raises; no secret and no value may be in it."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A row of the registry: what was registered under a ref. `facts` are what others may see."""

    digest: str
    facts: Mapping[str, Any]


class Registry(Protocol):
    """The durable table of registered things (agents, accounts, integrations, project CIs)."""

    def get(self, ref: Ref) -> Registration | None:
        """The row, from memory."""

    async def put(self, ref: Ref, registration: Registration) -> None:
        """Write the row and return when it is on disk."""

    async def drop(self, ref: Ref) -> None:
        """Delete the row and return when that is on disk. Nothing there: no effect."""

    def follow(self) -> AsyncIterator[Collection[Ref]]:
        """Refs whose row was written or dropped, from this call on, until closed: each time those
        of the while in which nobody asked."""


@dataclass(frozen=True, slots=True)
class Work:
    """Work in flight or done. The id is made of its inputs, so equal inputs are the same work."""

    id: str
    state: Literal["running", "done"]
    outcome: Outcome | None = None


class Works(Protocol):
    """Long work, owned by the daemon. A result is committed before anyone can see it."""

    def get(self, work: str, *, tell: Ref | None = None) -> Work | None:
        """None = never started, or interrupted by a crash before its result was committed.

        While it runs, `tell` is put among those that are woken at its end.
        """

    def start(self, ref: Ref, work: str, do: Callable[[], Awaitable[Outcome]]) -> None:
        """Start unless it runs or is done. At its end commits the outcome, then wakes `ref`
        and all others that wanted it.

        A Retry or Blocked raised by `do` becomes an outcome that is not ok; a bug is logged and
        becomes one too. `do` is cancelled when the daemon stops; nothing is committed then.
        """

    async def forget(self, work: str) -> None:
        """Drop a committed outcome, so that the work may run again."""


class Absent:
    """In the place of a port that a kind did not declare. Any use is a bug of the kind."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this port was not declared in Kind.uses (asked for {name!r})")


@dataclass(frozen=True, slots=True)
class World:
    """The ports, frozen. `home` is $P42_HOME."""

    home: Path
    clock: Clock
    files: Files = field(default_factory=Absent)
    processes: Processes = field(default_factory=Absent)
    keys: Keys = field(default_factory=Absent)
    journal: Journal = field(default_factory=Absent)
    registry: Registry = field(default_factory=Absent)
    works: Works = field(default_factory=Absent)
    units: Units = field(default_factory=Absent)
    leases: PortLeases = field(default_factory=Absent)
    models: Models = field(default_factory=Absent)
    talks: Talks = field(default_factory=Absent)
    sessions: Sessions = field(default_factory=Absent)
    approvals: Approvals = field(default_factory=Absent)
    pins: Pins = field(default_factory=Absent)
    # What verbs that belong to no kind work on; no kind declares it.
    engine: Any = field(default_factory=Absent)
    house: Any = field(default_factory=Absent)

    def only(self, ports: frozenset[str]) -> World:
        """This world with nothing but home, clock and the named ports."""
        kept = {"home", "clock", *ports}
        gone: dict[str, Any] = {f.name: Absent() for f in fields(self) if f.name not in kept}
        return replace(self, **gone)
