"""KeeperStart: a keeper on its way: a process that becomes one, or finds that there is one."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from p42 import __version__
from p42.keeper.address import address
from p42.keeper.frames import encode

ENTRY = "p42.runtimes.companion.companion:main"
PATIENCE = 5.0  # s for one to listen that is only waited for to be ended; it takes 60 ms


class KeeperStart:
    """Begins with the object. Its standard output ends when it listens, or is gone."""

    def __init__(self, run: Path, grace: float) -> None:
        """The same Python and the same code as ours, with nothing of our environment but PATH."""
        self._run = run
        self._process = subprocess.Popen(
            command(run, grace, f"zygote={__version__}"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )  # fmt: skip

    async def listens(self) -> None:
        """Until there is something to dial, or nothing will come. Once."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            with self._process.stdout as said:
                await _ended(said.fileno())
        finally:
            # At once, unless cancelled: the pipe was its own as well. It only makes the keeper.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE)

    def end(self) -> None:
        """Nobody came to need it. Blocking, as long as it takes to start."""
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=PATIENCE)
        sock = dialled(self._run / "keeper.sock")
        if sock is not None:
            with sock, suppress(OSError):
                sock.settimeout(PATIENCE)
                sock.sendall(encode({"op": "end", "seq": 0}))
                while sock.recv(1 << 16):  # closed before it was greeted, it would not be heard
                    pass


def command(run: Path, grace: float, *further: str) -> list[str]:
    """The argument list that makes a process the keeper of `run`'s home."""
    root = str(Path(__file__).parents[3])
    code = f"import sys; sys.path.insert(0, {root!r}); import p42.keeper.__main__ as k; k.main()"
    return [sys.executable, "-I", "-S", "-c", code, str(run), str(grace), ENTRY, *further]


def dialled(path: Path) -> socket.socket | None:
    """A connection to the keeper behind `path`; None = nobody listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with address(path) as where:
            sock.connect(where)
    except OSError:
        sock.close()
        return None
    return sock


async def _ended(number: int) -> None:
    """Until a pipe into which nobody writes has ended."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(number, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(number)
