"""Programs run to their end: their whole group, their output, their environment."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from p42.model.errors import Blocked
from p42.model.ports import Processes
from p42.runtimes.keeping.sweep import sweep
from p42.runtimes.processes import LocalProcesses

MIB = 1024 * 1024
ROOT = Path(__file__).parents[2]


async def lives(path: Path) -> int:
    """The pid that a child writes into `path`, once it is whole."""
    async with asyncio.timeout(10):
        while not (path.exists() and path.read_text().endswith("\n")):
            await asyncio.sleep(0.005)
    return int(path.read_text())


async def ends(pid: int) -> None:
    async with asyncio.timeout(10):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.005)


async def test_exit_code_and_both_outputs_come_back(processes: Processes) -> None:
    run = await processes.run(["sh", "-c", "cat; echo err >&2; exit 3"], stdin=b"in\0put")
    assert (run.exit_code, run.stdout, run.stderr) == (3, b"in\0put", b"err\n")
    assert not run.timed_out


async def test_standard_input_is_empty_when_none_is_given(processes: Processes) -> None:
    assert (await processes.run(["cat"])).stdout == b""


async def test_a_signal_is_a_negative_exit_code(processes: Processes) -> None:
    assert (await processes.run(["sh", "-c", "kill -TERM $$"])).exit_code == -signal.SIGTERM


async def test_output_without_end_is_cut_and_does_not_block(processes: Processes) -> None:
    run = await processes.run(
        ["sh", "-c", "head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2"]
    )
    assert (run.exit_code, len(run.stdout), len(run.stderr)) == (0, MIB, MIB)


async def test_large_input_that_nobody_reads_does_not_block(processes: Processes) -> None:
    assert (await processes.run(["true"], stdin=b"x" * 3 * MIB)).exit_code == 0


async def test_out_of_time_the_whole_group_is_killed(processes: Processes, tmp_path: Path) -> None:
    script = f"trap '' TERM; sleep 100 & echo $! > {tmp_path}/pid; echo begun; wait"
    run = await processes.run(["sh", "-c", script], timeout=0.3)
    assert run.timed_out
    assert run.exit_code == -signal.SIGKILL
    assert run.stdout == b"begun\n"
    await ends(await lives(tmp_path / "pid"))


async def test_cancelled_the_whole_group_is_killed(processes: Processes, tmp_path: Path) -> None:
    script = f"sleep 100 & echo $! > {tmp_path}/pid; wait"
    task = asyncio.ensure_future(processes.run(["sh", "-c", script], timeout=100))
    pid = await lives(tmp_path / "pid")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ends(pid)


async def test_a_grandchild_that_keeps_the_pipes_is_not_waited_for_and_ends_too(
    processes: Processes, tmp_path: Path
) -> None:
    before = time.perf_counter()
    script = f"sleep 100 & echo $! > {tmp_path}/pid; echo done"
    run = await processes.run(["sh", "-c", script], timeout=60)
    assert (run.exit_code, run.stdout, run.timed_out) == (0, b"done\n", False)
    assert time.perf_counter() - before < 30
    await ends(await lives(tmp_path / "pid"))


async def test_a_grandchild_that_left_the_group_and_writes_for_ever_does_not_hang_it(
    processes: Processes, tmp_path: Path
) -> None:
    script = f"setsid sh -c 'echo $$ > {tmp_path}/pid; exec yes' & sleep 0.1; echo done"
    run = await processes.run(["sh", "-c", script], timeout=60)
    assert run.exit_code == 0
    with suppress(ProcessLookupError):  # the keeper finds it by itself
        os.kill(await lives(tmp_path / "pid"), signal.SIGKILL)


async def test_the_environment_is_the_allow_list_and_what_was_added(home: Path) -> None:
    given = {
        "PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/h", "ANTHROPIC_API_KEY": "canary",
        "LD_PRELOAD": "", "P42_HOME": "/elsewhere", "P42_KEYS_PASSPHRASE": "canary",
    }  # fmt: skip
    run = await LocalProcesses(given, home=home).run(["env"], env={"ADDED": "1", "HOME": "/mine"})
    found = dict(line.split("=", 1) for line in run.stdout.decode().splitlines())
    found.pop("PWD", None)
    assert found == {
        "PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/mine", "ADDED": "1",
        "P42_HOME": str(home), "P42_RUN_OF": str(home),
    }  # fmt: skip


async def test_no_descriptor_of_ours_reaches_the_child(
    processes: Processes, tmp_path: Path
) -> None:
    with (tmp_path / "secret").open("w") as stream:
        os.set_inheritable(stream.fileno(), True)
        run = await processes.run(["sh", "-c", "ls /proc/$$/fd"])
    assert run.stdout.split() == [b"0", b"1", b"2"]


async def test_it_is_a_group_and_a_session_of_its_own(processes: Processes) -> None:
    run = await processes.run(["sh", "-c", "ps -o pid=,pgid=,sid= -p $$"])
    assert len(set(run.stdout.split())) == 1


async def test_many_run_together_and_leave_no_descriptor(processes: Processes) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    runs = await asyncio.gather(*(processes.run(["echo", str(n)]) for n in range(40)))
    assert [int(run.stdout) for run in runs] == list(range(40))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_what_cannot_be_run_is_told_with_its_remedy(
    processes: Processes, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    with pytest.raises(Blocked, match="no permission"):
        await processes.run([str(script)])
    script.chmod(0o755)
    with pytest.raises(Blocked, match="interpreter its first line names is not installed"):
        await processes.run([str(script)])
    with pytest.raises(Blocked, match="no-such-program: not found; install it"):
        await processes.run(["no-such-program"])
    with pytest.raises(Blocked, match="no such directory; make it"):
        await processes.run(["true"], cwd=tmp_path / "nowhere")
    script.write_bytes(b"\0\1\2")
    with pytest.raises(Blocked, match="not a program this machine can run"):
        await processes.run([str(script)])


async def test_its_directory_is_the_one_given(processes: Processes, tmp_path: Path) -> None:
    run = await processes.run(["pwd", "-P"], cwd=tmp_path)
    assert run.stdout.decode().strip() == str(tmp_path.resolve())


_DAEMON = """
import asyncio, os, sys
from pathlib import Path
from p42.runtimes.processes import LocalProcesses
runs = LocalProcesses(os.environ, home=Path(sys.argv[1]))
script = f"setsid sh -c 'echo $$ > {sys.argv[2]}; exec sleep 100' & wait"
asyncio.run(runs.run(["sh", "-c", script], timeout=100))
"""


async def test_what_a_killed_daemon_left_behind_is_ended_by_the_next(
    home: Path, tmp_path: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", _DAEMON, str(home), str(tmp_path / "pid")]) as it:
        pid = await lives(tmp_path / "pid")
        it.kill()
    assert psutil.pid_exists(pid)
    assert sweep(home.with_name("another")) == ()
    ended = sweep(home)
    assert pid in ended
    for each in ended:
        await ends(each)
    assert sweep(home) == ()
