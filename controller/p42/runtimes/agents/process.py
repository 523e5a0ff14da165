"""AgentProcesses: programs that are agents, from start to end: the keeper's children, by pipes.

Guarantees
- Its own session and process group; it ends with the daemon that asked for it and with the keeper
  (`attached`, parent-death signal): a later daemon never meets one, and none runs for ever.
- To close it is to end all of it: SIGTERM to each, SIGKILL to the group after GRACE, and to what is
  left of it when its leader is gone; who left the group is swept by the keeper.
- Its environment is what the caller gives, its limits are ours.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from p42.keeper.frames import Message
from p42.model.errors import Retry
from p42.model.faults import fault
from p42.runtimes.agents.pipes import AgentPipes
from p42.runtimes.descent import ask_to_end, below, until_gone
from p42.runtimes.keeping.link import KeeperLink

ID = "agent"  # no unit is called so: theirs are Kind/name
GRACE = 2.0  # s from SIGTERM to SIGKILL: time to write a transcript's last line
KILLED = 1.0  # s for a process that was killed to be gone
FILES = 4096  # descriptors; node and bun watch many files
MEMORY = 8 << 30  # bytes of address space that can hold data, each process: a bound, not a diet
MOST = 32  # programs of agents at once; each takes 100 to 300 MB
LINES = 3  # of its errors that a message tells
LONGEST = 300  # characters of such a line
_LOST = -int(signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Start:
    """What to run. `env` is the whole environment. `stdin` is all it reads; None = a pipe."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)  # holds its token
    cwd: Path
    stdin: bytes | None = None


class AgentProcesses:
    """Starts them, and hears from the keeper when they end."""

    def __init__(self, link: KeeperLink) -> None:
        self._link = link
        self._running: dict[str, AgentProcess] = {}
        link.attach(self)

    @property
    def pids(self) -> frozenset[int]:
        """What runs just now."""
        return frozenset(process.pid for process in self._running.values())

    async def start(self, start: Start) -> AgentProcess:
        """A running program, to be closed. A program that cannot be run ends with 127.

        Raises Retry when there are too many, the machine has no process or descriptor left, or the
        keeper is away.
        """
        if len(self._running) >= MOST:
            raise Retry(f"{MOST} programs of agents run already; wait for one, or end a session")
        process = AgentProcess(self._link, AgentPipes(start.stdin), self._running)
        try:
            await process.begin(start)
        except BaseException:
            await process.close()
            raise
        return process

    def joined(self, table: Message, *, fresh: bool) -> None:
        """A connection. What ran for the one before ended with it."""

    def told(self, message: Message) -> None:
        """One of ours may have ended."""
        if message.get("event") == "ended":
            process = self._running.get(str(message.get("token")))
            if process is not None:
                process.over(int(message["code"]))

    def lost(self) -> None:
        """What ran has ended with the connection."""
        for process in list(self._running.values()):
            process.over(_LOST)


class AgentProcess:
    """One of them. `ended` holds its exit code when it is over; negative: by that signal."""

    def __init__(
        self, link: KeeperLink, pipes: AgentPipes, running: dict[str, AgentProcess]
    ) -> None:
        self._link, self._pipes, self._running = link, pipes, running
        self._token = secrets.token_hex(8)  # tells its end from that of an earlier one
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.pid = 0
        running[self._token] = self

    async def begin(self, start: Start) -> None:
        """Have the keeper start it. Failed or cancelled, it has to be closed."""
        answer = await self._link.ask(
            "run", self._pipes.theirs, id=self._id, token=self._token, argv=list(start.argv),
            env=dict(start.env), cwd=str(start.cwd), attached=True,
            limits={"files": FILES, "memory": MEMORY},
        )  # fmt: skip
        self._pipes.lent()
        self.pid = int(answer.get("pid", 0))
        if not self.pid:
            number = int(answer.get("errno") or errno.EAGAIN)
            raise fault(OSError(number, os.strerror(number)), start.argv[0])
        await self._pipes.open()

    async def read(self) -> bytes:
        """Some more of its output; empty at the end, which is not long after its own."""
        return await self._pipes.read()

    async def write(self, data: bytes) -> bool:
        """Write into its input; False if it reads no more."""
        return await self._pipes.write(data)

    async def farewell(self) -> None:
        """Let it end by itself, for GRACE at most. Then it is still to be closed."""
        await asyncio.wait([self.ended], timeout=GRACE)

    async def close(self) -> None:
        """End it with all it started, and wait for that. Cancelled: it is killed at once."""
        started: Sequence[int] = ()
        try:
            if self.pid and not self.ended.done():
                started = below(self.pid)
                ask_to_end(self.pid)
                await asyncio.wait([self.ended], timeout=GRACE)
            if self.pid and not self.ended.done():
                self._kill()
                await asyncio.wait([self.ended], timeout=KILLED)
            # A sandbox's own process ends a moment before the last of what is inside.
            await until_gone(started, seconds=KILLED)
        finally:
            if not self.ended.done():
                self._kill()
                self.ended.cancel()
            self._running.pop(self._token, None)
            self._pipes.close()

    def over(self, code: int) -> None:
        """It has ended. Twice: the first counts."""
        if not self.ended.done():
            self.ended.set_result(code)
            self._pipes.ended()

    def hear(self) -> None:
        """A message begins: what it said on standard error before is not about this one."""
        self._pipes.forget_errors()

    def complaint(self) -> str:
        """The last it said on standard error, of this message; "" = nothing."""
        said = [line.strip()[:LONGEST] for line in self._pipes.errors().splitlines()]
        return " | ".join([line for line in said if line][-LINES:])

    async def story(self) -> str:
        """How it ended, in half a sentence, with its complaint."""
        done, _ = await asyncio.wait([self.ended], timeout=1.0)  # its output may end before it
        last = self.complaint()
        how = "stopped talking"
        if done:
            code = self.ended.result()
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return f"{how}: {last}" if last else how

    def _kill(self) -> None:
        self._link.tell("signal", id=self._id, signal=int(signal.SIGKILL))

    @property
    def _id(self) -> str:
        return f"{ID}-{self._token}"
