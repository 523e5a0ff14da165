"""KeeperProcesses: programs run to their end by the keeper, as the Processes port.

Guarantees
- Everything p42 starts is the keeper's child: its own session and group, dead with the keeper,
  no descriptor but 0, 1, 2. What is left of a group when its leader ends, runs out of time or is
  cancelled gets SIGKILL; so does what runs when the daemon itself is killed.
- Pipes and standard input are made here and travel by descriptor: the keeper never sees the bytes.
  They are read while it runs and cut at 1 MiB each; a grandchild that keeps them is not waited for.
- Its environment is the allow-list and what the caller adds.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import IO, Any

from p42.keeper.frames import Message
from p42.model.errors import Retry
from p42.model.faults import fault
from p42.model.grants import Grants
from p42.model.ports import Run
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.output import Output
from p42.runtimes.processes import allowed, given, refused
from p42.runtimes.sandbox.cage import Cage
from p42.runtimes.sandbox.reach import Reach

ID = "run"  # no unit is called so: theirs are Kind/name
FILES = 1024  # descriptors of a program; a shell's usual number
Watch = Callable[[str, Reach], AbstractAsyncContextManager[Any]]  # whose program, what it writes
AWAY = "the keeper ended while the program ran; it is run again"


class KeeperProcesses:
    """The Processes port. `env` is what the allow-list picks from."""

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        home: Path,
        link: KeeperLink,
        watch: Watch = lambda who, reach: nullcontext(),
    ) -> None:
        """`watch`: around a program in a sandbox that may write more than a room of its own."""
        self._env = {**allowed(env), "P42_HOME": str(home)}
        self._cage = Cage(env.get("PATH", os.defpath), home.resolve())
        self._link, self._watch = link, watch
        self._running: dict[str, asyncio.Future[int]] = {}
        self._pids: dict[str, int] = {}
        link.attach(self)

    @property
    def pids(self) -> frozenset[int]:
        """What runs just now."""
        return frozenset(self._pids.values())

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

        With `grants` it runs in a sandbox. Blocked when the program is not there or cannot be run,
        or there is no sandbox; Retry when the machine has no
        process or descriptor left, or the keeper ends.
        """
        argv = await self._cage.wrap(argv, grants, cwd)
        environment = {**self._env, **(env or {})}
        if grants is None or not grants.write:
            return await self._run(argv, stdin, cwd, environment, timeout)
        reach = await self._cage.reach(grants)
        async with self._watch(grants.by or "a program in a sandbox", reach):
            return await self._run(argv, stdin, cwd, environment, timeout)

    async def _run(
        self, argv: Sequence[str], stdin: bytes, cwd: Path | None, env: Mapping[str, str],
        timeout: float,  # noqa: ASYNC109 - as above
    ) -> Run:  # fmt: skip
        token = secrets.token_hex(8)
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._running[token] = ended
        with ExitStack() as held:
            held.callback(self._end, token)
            with ExitStack() as lent:
                try:
                    ours, theirs = _pipes(held, lent, stdin)
                except OSError as error:
                    raise refused(error, argv[0], cwd) from error
                await self._start(token, argv, cwd, env, theirs)
            out, err, report = map(Output, ours)
            for output in (out, err, report):
                held.callback(output.close)
            done, _ = await asyncio.wait([ended], timeout=timeout)  # which leaves it as it is
            if not done:
                self._kill(token)
            code = await ended
            said = report.rest()
            if said:
                raise refused(OSError(int(said), os.strerror(int(said))), argv[0], cwd)
            return Run(code, out.rest(), err.rest(), not done)

    def joined(self, table: Message, *, fresh: bool) -> None:
        """A connection. What ran for the one before ended with it."""

    def told(self, message: Message) -> None:
        """One of ours may have ended."""
        if message.get("event") == "ended":
            ended = self._running.get(message["token"])
            if ended is not None and not ended.done():
                ended.set_result(message["code"])

    def lost(self) -> None:
        """What ran has ended with the connection."""
        for ended in self._running.values():
            if not ended.done():
                ended.set_exception(Retry(AWAY, after=0.5))

    async def _start(
        self, token: str, argv: Sequence[str], cwd: Path | None, env: Mapping[str, str],
        fds: Sequence[int],
    ) -> None:  # fmt: skip
        answer = await self._link.ask(
            "run", fds, id=f"{ID}-{token}", token=token, argv=list(argv), env=dict(env),
            cwd=str(cwd or "/"), limits={"files": FILES}, attached=True,
        )  # fmt: skip
        self._pids[token] = int(answer.get("pid", 0))
        if "pid" not in answer:
            number = int(answer.get("errno") or errno.EINVAL)
            raise fault(OSError(number, os.strerror(number)), argv[0])

    def _kill(self, token: str) -> None:
        self._link.tell("signal", id=f"{ID}-{token}", signal=int(signal.SIGKILL))

    def _end(self, token: str) -> None:
        self._pids.pop(token, None)
        ended = self._running.pop(token)
        if not ended.done():
            self._kill(token)
        elif not ended.cancelled():
            ended.exception()  # seen, if nobody waited for it


def _pipes(
    held: ExitStack, lent: ExitStack, stdin: bytes
) -> tuple[list[IO[bytes]], tuple[int, ...]]:
    """Our reading ends of output, errors and the report, and the four descriptors to send.

    Ours are closed with `held`, the child's with `lent`: it has duplicates by then.
    """
    ours: list[IO[bytes]] = []
    theirs = [held.enter_context(given(stdin))]
    for _ in range(3):
        reading, writing = os.pipe()
        lent.callback(os.close, writing)
        ours.append(held.enter_context(os.fdopen(reading, "rb", buffering=0)))
        theirs.append(writing)
    return ours, tuple(theirs)
