"""LocalProcesses: programs run to their end on this machine, as the Processes port.

Guarantees
- Each run has its own session and process group; whatever is left of the group when the program
  ends, runs out of time or is cancelled gets SIGKILL. Nobody is asked twice.
- Pipes are read while it runs and cut at 1 MiB each: a program that writes for ever neither blocks
  nor fills memory. A grandchild that keeps the pipes open is not waited for.
- Its environment is the allow-list and what the caller adds; no descriptor of ours but 0, 1, 2.

Caveat: the group dies with our `kill`, not with us. What a killed daemon leaves behind is ended by
the next one (`sweep`): every run carries the home in its environment. A parent-death signal would
need code between fork and exec, which is not safe beside threads, and reaches no grandchild.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from p42.model.errors import Blocked, P42Error
from p42.model.faults import fault
from p42.model.grants import Grants
from p42.model.ports import Run
from p42.runtimes.ended import Ended
from p42.runtimes.output import Output
from p42.runtimes.sandbox.cage import Cage

ALLOWED = ("PATH", "HOME", "LANG", "TERM", "TZ", "TMPDIR", "USER", "P42_HOME")
MARK = "P42_RUN_OF"  # its value is the home; `sweep` finds what a killed daemon left by it


def allowed(env: Mapping[str, str]) -> dict[str, str]:
    """What a child may know of our environment: no key is in it."""
    return {name: env[name] for name in env if name in ALLOWED or name.startswith("LC_")}


class LocalProcesses:
    """The Processes port. `env` is what the allow-list picks from; `home` marks the runs."""

    def __init__(self, env: Mapping[str, str], *, home: Path) -> None:
        self._env = {**allowed(env), "P42_HOME": str(home), MARK: str(home)}
        self._cage = Cage(env.get("PATH", os.defpath), home)

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
        process or descriptor left.
        """
        argv = await self._cage.wrap(argv, grants, cwd)
        with contextlib.ExitStack() as held:
            try:
                child = self._start(argv, stdin, cwd, {**self._env, **(env or {})})
                held.callback(_end, child)
                out, err = Output(_pipe(child.stdout)), Output(_pipe(child.stderr))
                held.callback(out.close)
                held.callback(err.close)
                ended = Ended(child.pid)
                held.callback(ended.close)
            except OSError as error:
                raise refused(error, argv[0], cwd) from error
            timed_out = False
            try:
                async with asyncio.timeout(timeout):
                    await ended.wait()
            except TimeoutError:
                timed_out = True
            _end(child)
            return Run(child.returncode, out.rest(), err.rest(), timed_out)

    def _start(
        self, argv: Sequence[str], stdin: bytes, cwd: Path | None, env: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with given(stdin) as readable:
            return subprocess.Popen(
                list(argv), stdin=readable, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                cwd=cwd, env=dict(env), start_new_session=True, close_fds=True, bufsize=0,
            )  # fmt: skip


@contextlib.contextmanager
def given(data: bytes) -> Iterator[int]:
    """Standard input as a file that is whole: nobody has to feed it, so nothing can deadlock."""
    with _nameless() if data else Path(os.devnull).open("rb", buffering=0) as stream:
        if data:
            stream.write(data)
            stream.seek(0)
        yield stream.fileno()


def _nameless() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("p42-stdin"), "w+b")
    return tempfile.TemporaryFile()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("the child was started without a pipe")
    return stream


def _end(child: subprocess.Popen[bytes]) -> None:
    """SIGKILL to what is left of the group, then take the exit code. Once; blocks for a moment."""
    if child.returncode is not None:
        return
    # Before the leader is reaped: as long as it is not, its number cannot name anybody else.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def refused(error: OSError, program: str, cwd: Path | None) -> P42Error:
    """Why `program` could not be started in `cwd`, and what to do."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        if cwd is not None and not cwd.is_dir():
            return Blocked(f"{cwd}: no such directory; make it")
        if Path(program).exists():
            return Blocked(f"{program}: the interpreter its first line names is not installed")
        return Blocked(f"{program}: not found; install it or put it on PATH")
    return fault(error, program)
