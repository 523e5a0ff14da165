"""The life of the local model: on demand, once, as long as it is used, and never an orphan."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import psutil
import pytest

from p42.model.errors import Blocked, P42Error, Retry
from p42.runtimes.local.model import IDLE, QUIET, threads
from tests.keeper.conftest import alive
from tests.localmodel.conftest import PATIENCE, HandClock, Rig, until, with_model

ENDLESS = {"max_tokens": 4000, "ignore_eos": True, "stop": ["no such word"]}
ROOT = Path(__file__).parents[2]


async def answered(address: tuple[str, str], words: str = "Hi") -> int:
    """Ask for one token; how many came."""
    url, key = address
    body = {"messages": [{"role": "user", "content": words}], "max_tokens": 1}
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        answer = await client.post(f"{url}/chat/completions", json=body)
    return int(answer.raise_for_status().json()["usage"]["completion_tokens"])


async def killed_while_answering(address: tuple[str, str], pid: int) -> None:
    """Ask for a long answer; at its first words, kill who gives it. Read on."""
    url, key = address
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True, **ENDLESS}
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as client,
        client.stream("POST", f"{url}/chat/completions", json=body) as answer,
    ):
        async for _ in answer.aiter_lines():
            os.kill(pid, signal.SIGKILL)


async def test_nothing_runs_before_somebody_asks(rig: Rig) -> None:
    assert rig.local.view.pid == 0
    assert rig.local.view.starts == 0


async def test_however_many_ask_at_once_one_server_answers(rig: Rig) -> None:
    with rig.local.hold():
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(rig.local.address()) for _ in range(50)]
        address = asked[0].result()
        assert {task.result() for task in asked} == {address}
        assert rig.local.view.starts == 1
        async with asyncio.TaskGroup() as group:
            several = [group.create_task(answered(address)) for _ in range(4)]
        assert [task.result() for task in several] == [1] * 4


async def test_who_stops_waiting_stops_nobody_else(rig: Rig) -> None:
    first = asyncio.ensure_future(rig.local.address())
    second = asyncio.ensure_future(rig.local.address())
    await asyncio.sleep(0)
    first.cancel()
    assert await answered(await second) == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_it_is_the_keepers_child_and_knows_no_key(rig: Rig) -> None:
    _, key = await rig.local.address()
    server = psutil.Process(rig.local.view.pid)
    assert server.ppid() == rig.link.pid
    proc = Path("/proc") / str(server.pid)
    told = (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()
    assert key.encode() not in told
    assert b"sk-not-for-children" not in told
    assert b"P42_HOME=" in told


async def test_its_memory_is_bounded(rig: Rig) -> None:
    await answered(await rig.local.address(), "word " * 300)
    server = psutil.Process(rig.local.view.pid)
    assert server.memory_info().rss < 600 << 20
    soft, hard = server.rlimit(psutil.RLIMIT_DATA)
    assert soft == hard != resource.RLIM_INFINITY
    assert server.rlimit(psutil.RLIMIT_CORE) == (0, 0)


async def test_it_retires_when_nobody_has_used_it_for_long_enough(rig: Rig) -> None:
    with rig.local.hold():
        await rig.local.address()
        pid = rig.local.view.pid
        rig.clock.advance(10 * IDLE)
        await asyncio.sleep(0.05)
        assert rig.local.view.pid == pid, "somebody holds it"
    rig.clock.advance(IDLE - 1)
    await asyncio.sleep(0.05)
    assert rig.local.view.pid == pid, "its time has not come"
    rig.clock.advance(2)
    await until(lambda: not alive(pid), "it has ended")
    assert rig.local.view.failures == 0


async def test_killed_in_the_middle_the_answer_is_cut_and_the_next_starts_anew(rig: Rig) -> None:
    with rig.local.hold():
        address = await rig.local.address()
        with pytest.raises(httpx2.TransportError):
            await killed_while_answering(address, rig.local.view.pid)
        await until(lambda: rig.local.view.failures == 1, "its end is noted")
        again = await rig.local.address()
        assert again[1] != address[1]
        assert await answered(again) == 1


async def test_who_asks_the_moment_it_dies_gets_a_new_one(rig: Rig) -> None:
    """Heard before the life of the old one was tidied away: its death is not this question's."""
    address = await rig.local.address()
    pid = rig.local.view.pid
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while rig.local.view.pid == pid:
            await asyncio.sleep(0)
    assert await rig.local.address() != address


async def test_one_that_dies_again_and_again_is_left_alone_for_a_while(rig: Rig) -> None:
    for crash in (1, 2):
        await rig.local.address()
        os.kill(rig.local.view.pid, signal.SIGKILL)
        await until(lambda n=crash: rig.local.view.failures == n, "its end is noted")
    with pytest.raises(Retry, match="ended by signal 9; it is started again in 1 s") as told:
        await rig.local.address()
    assert told.value.reason == "ProviderDown"
    assert told.value.after == pytest.approx(1.0)
    rig.clock.advance(1.1)
    assert await rig.local.address()


async def test_one_that_hangs_is_found_out_before_it_is_recommended(rig: Rig) -> None:
    await rig.local.address()
    hanging = rig.local.view.pid
    os.kill(hanging, signal.SIGSTOP)
    stopped = psutil.Process(hanging)
    await until(lambda: stopped.status() == psutil.STATUS_STOPPED, "every thread stands still")
    rig.clock.advance(QUIET + 1)
    assert await rig.local.address()
    assert not alive(hanging)


async def test_more_slots_are_given_when_nobody_is_cut_by_it(rig: Rig) -> None:
    with rig.local.hold():
        before = await rig.local.address()
        rig.local.want(3)
        assert await rig.local.address() == before
    assert await rig.local.address() != before
    assert rig.local.view.slots == 3


async def test_it_dies_with_the_keeper_and_comes_back_with_the_next(rig: Rig) -> None:
    await rig.local.address()
    pid = rig.local.view.pid
    os.kill(rig.link.pid, signal.SIGKILL)
    await until(lambda: not alive(pid), "it died with the keeper")
    await until(lambda: rig.local.view.failures == 1, "its end is noted")
    assert await answered(await rig.local.address()) == 1


DAEMON = """
import asyncio, os, sys
from pathlib import Path
from p42.runtimes.clock import SystemClock
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.local.model import LocalModel
async def main():
    home = Path(sys.argv[1])
    link = KeeperLink(home / "run", grace=20.0)
    local = LocalModel(home, link, clock=SystemClock(), env=os.environ)
    async with asyncio.TaskGroup() as group:
        group.create_task(link.run()), group.create_task(local.run())
        await local.address()
        print(local.view.pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_a_killed_daemon_leaves_no_server_to_its_successor(
    tmp_path: Path, model: Path
) -> None:
    home = with_model(tmp_path / "home", model)
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(home)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert daemon.stdout
    pid = int(daemon.stdout.readline())
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()
    await until(lambda: not alive(pid), "the server died with its daemon")
    async with Rig(home) as successor:
        assert await answered(await successor.local.address()) == 1
        assert successor.local.view.starts == 1


async def test_a_full_disk_is_told_and_ends_by_itself(tmp_path: Path, model: Path) -> None:
    """A file size limit, which every child inherits, stands for it."""
    home = tmp_path / "home"
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limit[1]))
    try:
        async with Rig(home) as rig:
            with pytest.raises(Retry, match="file size limit") as told:
                await rig.local.address()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert str(home / "models") in str(told.value)
    assert list((home / "models").iterdir()) == []


MISSING = """
import sys; sys.path.insert(0, "controller")
from pathlib import Path
from p42.model.errors import Blocked
from p42.runtimes.clock import SystemClock
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.local.model import LocalModel
home = Path("/nowhere")
local = LocalModel(home, KeeperLink(home, grace=1), clock=SystemClock(), env={})
try:
    local.check()
except Blocked as error:
    print(error, error.template, sep="\\n")
"""


def test_where_it_is_not_installed_it_says_what_to_run() -> None:
    """An interpreter that looks into no site-packages has nothing installed."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", MISSING], capture_output=True, text=True, cwd=ROOT,
        check=True,
    )  # fmt: skip
    message, template = done.stdout.splitlines()
    assert message.endswith(f"run: {sys.executable} -m pip install 'p42[local]'")
    assert template.endswith("run: python -m pip install 'p42[local]'")


async def test_when_p42_stops_who_waits_is_told(tmp_path: Path, model: Path) -> None:
    async with Rig(with_model(tmp_path / "home", model)) as rig:
        waiting = asyncio.ensure_future(rig.local.address())
        await asyncio.sleep(0.1)
    with pytest.raises(P42Error) as told:
        await waiting
    assert not isinstance(told.value, Blocked)


def test_in_ci_it_computes_on_one_thread() -> None:
    assert threads({"CI": "true"}) == 1
    assert 1 <= threads({}) <= 4
    assert isinstance(HandClock().monotonic(), float)
