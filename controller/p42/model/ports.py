"""Ports: the world as kinds and verbs may reach it. Protocols only; daemon.py fills them in.

Every method raises Retry for what time mends (disk full, no descriptors, a busy database) and
Blocked for what the user has to mend (no permission, a read-only directory). Adapters translate
once, here at the border; nothing below sees an OSError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from p42.model.models import Models
from p42.model.plan import Instant, Outcome
from p42.model.refs import Ref


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
    ) -> Run:
        """Run to the end or to `timeout` seconds; then, or when cancelled, the group is killed.

        `env` is added to the allow-list (PATH, HOME, LANG, LC_*, TERM, TZ, TMPDIR, USER, P42_HOME).
        Blocked when the program is not there.
        """


class Keys(Protocol):
    """Where key references (`keychain:S/A`, `env:NAME`, `file:PATH`) lead."""

    async def state(self, reference: str) -> Literal["present", "missing", "locked"]:
        """Whether there is a key, without reading more than needed and never showing it."""


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


@dataclass(frozen=True, slots=True)
class PortLease:
    """A port of this machine that belongs to a ref until it is given back.

    `wish` is what was asked for: `auto`, or the number. `token` is the secret by which the child
    behind the port is known to the broker; it never leaves the daemon but to that child.
    """

    port: int
    wish: str
    token: str = field(default="", repr=False)


class PortLeases(Protocol):
    """Who has which port, durable and machine-local. The same ref gets the same port again."""

    def get(self, ref: Ref) -> PortLease | None:
        """The lease, from memory. None as well for a drawn port outside today's range."""

    async def lease(self, ref: Ref, wish: str) -> PortLease:
        """Lease a port: the fixed one, or by the name's hash the next free one. It outlives us.

        Blocked (PortInUse) when another ref has the fixed port, or none is left.
        """

    async def release(self, ref: Ref) -> None:
        """Give it back. Nothing there: no effect."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A declared socket and the child that answers it, as the keeper tells them.

    `state`: asleep, starting, awake, or paused after too many starts. `wish` is the digest that
    `declare` gave. `since`, `exited_at`: wall time, 0 = never. `crashes`: unasked ends in a row.
    """

    port: int
    wish: str
    state: str = "asleep"
    pid: int = 0
    since: float = 0.0
    starts: int = 0
    crashes: int = 0
    last_exit: int | None = None
    exited_at: float = 0.0
    draining: int = 0


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a child behind a socket gets. `wish` is the digest of all of it but the token."""

    wish: str
    port: int
    always: bool
    spec: Mapping[str, Any] = field(repr=False)  # holds its token
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Probe:
    """What an awake child said of itself, `latency` seconds after it was asked."""

    latency: float
    clients: int
    requests: int
    cpu_ms: int


class Units(Protocol):
    """Sockets on demand, held by the keeper. Raises Retry while the keeper is away."""

    def get(self, ref: Ref) -> Unit | None:
        """The row, from memory."""

    async def declare(self, ref: Ref, declaration: Declaration) -> None:
        """Hold the port; a child of another digest is replaced without a refused connection.

        `always`: returns when the child is awake or has failed. Retry (PortInUse) names who has
        the port.
        """

    async def drop(self, ref: Ref) -> None:
        """Give the port back and end its children. Nothing there: no effect."""

    async def wake(self, ref: Ref) -> None:
        """Start the child now; returns when it is awake or has failed. Asleep only."""

    async def probe(self, ref: Ref) -> Probe | None:
        """Ask the awake child over the private channel; None = none is awake or it is silent."""

    async def holder(self, port: int) -> str:
        """Who else listens on `port`, for a person; "" = nobody."""

    def follow(self) -> AsyncIterator[Ref | None]:
        """Refs whose row changed, None = all, until closed."""

    @property
    def idle(self) -> float:
        """Seconds a child stays without a client where its manifest does not say."""


@dataclass(frozen=True, slots=True)
class Work:
    """Work in flight or done. The id is made of its inputs, so equal inputs are the same work."""

    id: str
    state: Literal["running", "done"]
    outcome: Outcome | None = None


class Works(Protocol):
    """Long work, owned by the daemon. A result is committed before anyone can see it."""

    def get(self, work: str) -> Work | None:
        """None = never started, or interrupted by a crash before its result was committed."""

    def start(self, ref: Ref, work: str, do: Callable[[], Awaitable[Outcome]]) -> None:
        """Start unless it runs or is done. At its end commits the outcome, then wakes `ref`.

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
    # What verbs that belong to no kind work on; no kind declares it.
    engine: Any = field(default_factory=Absent)
    house: Any = field(default_factory=Absent)

    def only(self, ports: frozenset[str]) -> World:
        """This world with nothing but home, clock and the named ports."""
        kept = {"home", "clock", *ports}
        gone: dict[str, Any] = {f.name: Absent() for f in fields(self) if f.name not in kept}
        return replace(self, **gone)
