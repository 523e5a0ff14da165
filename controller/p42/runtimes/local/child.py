"""LocalChild: one process of the local model's server, the keeper's child, from start to end.

Guarantees
- It dies with the daemon that asked for it and with the keeper (`attached`; parent-death signal),
  and by itself when the pipe that is its standard input ends: a later daemon never meets it.
- Its key is drawn here and goes through that pipe: no argument, no environment, no file.
- Its memory is bounded; what it says on standard error is kept, for the message when it breaks.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from p42.model.errors import Retry
from p42.model.faults import fault
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.local.health import well
from p42.runtimes.local.pipes import LocalPipes
from p42.runtimes.local.report import port_of

ID = "localmodel"  # no unit is called so: theirs are Kind/name
START = 120.0  # s; 2 usually, and once a slow disk has to copy 241 MiB
CONTEXT = 4096  # tokens of one conversation; about 40 MiB of memory for each slot
# The model's own 250 MB are mapped from its file and do not count. Two slots need 300 MiB; the rest
# is for what a large schema or a long prompt takes on the way.
MEMORY = 1 << 30  # bytes of address space that can hold data
MEMORY_SLOT = 128 << 20  # bytes more for each slot
NICE = 5  # steps: whoever types is served before it, also on two cores
_WHO = "the local model's server"


class LocalChild:
    """Started once. `ended` holds its exit code when it is over, by itself or by `kill`."""

    def __init__(self, link: KeeperLink, *, slots: int) -> None:
        self._link, self.slots = link, slots
        self.token = secrets.token_hex(8)  # tells its end from that of an earlier one
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.pid = self.port = 0
        self._key = secrets.token_urlsafe(32)
        self._pipes: LocalPipes | None = None

    @property
    def address(self) -> tuple[str, str]:
        """Base URL and key. Once it was started."""
        return f"http://127.0.0.1:{self.port}/v1", self._key

    async def start(self, models: Path, *, threads: int, env: Mapping[str, str]) -> None:
        """Start it, and return when it is well. Failed or cancelled, it has to be closed.

        Raises Blocked for what is not installed or does not run here; Retry for a full disk, a
        keeper that is away, a program that ended or did not get ready.
        """
        try:
            async with asyncio.timeout(START):
                line = await self._started(self._wish(models, threads), env)
                if not line:
                    raise Retry(self.story(await self.ended), reason="ProviderDown")
                self.port = port_of(line, errors=self._errors())
                if not await well(self.port):
                    raise Retry(f"{_WHO} does not answer", reason="ProviderDown")
        except TimeoutError as error:
            raise Retry(f"{_WHO} was not ready in {START:.0f} s", reason="ProviderDown") from error

    def over(self, code: int) -> None:
        """It has ended. Twice: the first counts."""
        if not self.ended.done():
            self.ended.set_result(code)

    def kill(self) -> None:
        """SIGKILL: it has nothing to tidy up. Ended already: no effect."""
        if not self.ended.done():
            self._link.tell("signal", id=self._id, signal=int(signal.SIGKILL))

    def close(self) -> None:
        """Kill it, and give the pipes back."""
        self.kill()
        if self._pipes is not None:
            self._pipes.close()

    def story(self, code: int) -> str:
        """Why it is over, in a sentence, with the last thing it said."""
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return ": ".join([f"{_WHO} {how}", *self._errors()[-1:]])

    def _errors(self) -> list[str]:
        return self._pipes.errors() if self._pipes is not None else []

    @property
    def _id(self) -> str:
        return f"{ID}-{self.token}"

    def _wish(self, models: Path, threads: int) -> bytes:
        wish = {
            "key": self._key, "models": str(models), "slots": self.slots, "threads": threads,
            "context": CONTEXT,
        }  # fmt: skip
        return json.dumps(wish).encode() + b"\n"

    async def _started(self, wish: bytes, env: Mapping[str, str]) -> bytes:
        """Have the keeper start it; the line it reports, empty if it ended before."""
        self._pipes = LocalPipes(wish)
        answer = await self._link.ask(
            "run", self._pipes.theirs, id=self._id, token=self.token, argv=command(),
            env=dict(env), cwd="/", attached=True,
            limits={"memory": MEMORY + self.slots * MEMORY_SLOT, "nice": NICE},
        )  # fmt: skip
        self._pipes.lent()
        if "pid" not in answer:
            number = int(answer.get("errno") or errno.EAGAIN)
            raise fault(OSError(number, os.strerror(number)), _WHO)
        self.pid = int(answer["pid"])
        return await self._pipes.line()


def command() -> list[str]:
    """The argument list of the server: the same Python and the same code as ours."""
    root = str(Path(__file__).parents[3])
    code = (
        f"import sys; sys.path.insert(0, {root!r}); import p42.localserver.program as p; p.main()"
    )
    return [sys.executable, "-I", "-c", code]
