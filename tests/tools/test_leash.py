"""A command that a model calls takes no more of the machine than it may."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from p42.ai.tools.command import SCRATCH
from p42.ai.tools.room import Room
from p42.model.errors import Blocked
from p42.scripts.leash import CALL, PROCESSES, leashed
from tests.tools.shop import Shop, needs_sandbox, sandbox

BIG = "head -c 300000000 /dev/zero"
FOUND = sandbox()
SIZED = pytest.mark.skipif(
    FOUND is None or not FOUND.sizes, reason="no bubblewrap that bounds /tmp is installed"
)


@needs_sandbox
async def test_its_limits_are_set(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.command("limits", "ulimit -d; ulimit -f; ulimit -t; ulimit -u")
    said = (await shop.run("command_limits")).result
    # bash counts files in KiB.
    told = [CALL.memory, CALL.file << 10, CALL.seconds, PROCESSES]
    assert said.splitlines()[2:] == [str(each) for each in told]


@needs_sandbox
@SIZED
@pytest.mark.parametrize("where", ["/tmp", "/dev/shm", "/dev", "/"])
async def test_no_file_of_it_fills_the_memory(tmp_path: Path, where: str) -> None:
    shop = Shop(tmp_path)
    shop.command("fill", f"{BIG} > {where}/full; stat -c %s {where}/full || echo 0")
    said = (await shop.run("command_fill")).result
    assert int(said.split("stdout:\n")[1].split()[0]) <= SCRATCH


@needs_sandbox
async def test_a_file_that_is_too_big_is_not_written(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.command("big", f"exec truncate -s {CALL.file + 1}M big")
    said = (await shop.run("command_big")).result
    assert "File too large" in said or f"it wrote a file of over {CALL.file} MiB" in said


async def test_who_computes_for_too_long_is_told(tmp_path: Path) -> None:
    brief = replace(CALL, seconds=1)
    argv = leashed(["/bin/sh", "-c", "while :; do :; done"], brief)
    done = await Shop(tmp_path).world.processes.run(argv)
    assert (done.exit_code, done.timed_out) == (-signal.SIGXCPU, False)


@needs_sandbox
@pytest.mark.parametrize(
    "script",
    ["git init -q . && git -c user.name=a -c user.email=b commit -q --allow-empty -m x && echo ok",
     "node -e 'new Array(1e6).fill(1); console.log(\"ok\")'",
     "python3 -c 'import multiprocessing as m; m.Lock(); print(\"ok\")'",
     "echo x > /tmp/a && cat /tmp/a > $TMPDIR/b && echo ok"],
    ids=["git", "node", "python", "files"],
)  # fmt: skip
async def test_real_work_is_done_all_the_same(tmp_path: Path, script: str) -> None:
    shop = Shop(tmp_path)
    program = script.split()[0]
    shop.command("work", f"command -v {program} >/dev/null || {{ echo ok; exit; }}\n{script}")
    said = (await shop.run("command_work")).result
    assert said == "exit code 0\nstdout:\nok\n"


@pytest.mark.parametrize(
    "fill",
    ["i=0; while :; do head -c 100000 /dev/zero > $i; i=$((i+1)); done",
     "mkdir a; i=0; while :; do : > a/$i; i=$((i+1)); done"],
    ids=["bytes", "files"],
)  # fmt: skip
async def test_a_command_that_fills_its_room_is_ended(tmp_path: Path, fill: str) -> None:
    shop = Shop(tmp_path)
    (tmp_path / "empty").mkdir()
    empty = Room(tmp_path / "empty", most=5 << 20, widest=200)
    running = shop.world.processes.run(["bash", "-c", f"{fill} & wait"], cwd=empty.path)
    with pytest.raises(Blocked, match="x was ended: what it wrote is more than 5 MiB or 200 files"):
        await empty.holds(running, by="x")
    stands = empty.overflows(), len(list(empty.path.rglob("*")))
    await asyncio.sleep(0)
    assert stands == (True, len(list(empty.path.rglob("*"))))  # nobody writes any more


async def test_a_room_gives_what_was_run_in_it_or_why_it_was_not(tmp_path: Path) -> None:
    shop, empty = Shop(tmp_path), Room(tmp_path)
    done = await empty.holds(shop.world.processes.run(["echo", "hi"]), by="x")
    assert (done.exit_code, done.stdout) == (0, b"hi\n")
    with pytest.raises(Blocked, match="not found; install it"):
        await empty.holds(shop.world.processes.run(["no-such-program"]), by="x")


def test_links_and_what_is_gone_take_no_room(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "elsewhere").symlink_to("/usr")
    assert not Room(tmp_path, most=1 << 20, widest=10).overflows()
    assert not Room(tmp_path / "gone").overflows()
