"""At the edge: many at once, a disk that refuses, kills between any two steps: no overspending."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from p42.ai.meter.refusals import Repeated
from p42.model.completion import Usage
from p42.model.errors import Blocked, P42Error, Retry
from p42.stores.meter.audit import summed, verified
from tests.meter.scene import Scene, hard, killed, opened

ROOT = Path(__file__).parents[2]
BUDGET = 100_000  # micro-dollars
SPEC = hard(0.1)


def accounted(home: Path) -> int:
    """What the journal says all calls cost."""
    return sum(row.cost for row in summed(home, since=0, until=2**62))


class Vendor:
    """A stranger who bills each call that reaches him, up to what was asked for at most."""

    def __init__(self, seed: int) -> None:
        self.random, self.billed = random.Random(seed), 0

    async def call(self, scene: Scene, request: str, worst: int) -> None:
        reservation = await scene.reserve(SPEC, worst, request=request)
        used = self.random.randint(0, worst)
        fate = self.random.choice(["ok", "ok", "ok", "cut", "failed", "cancelled"])
        self.billed += 0 if fate == "failed" else used
        await asyncio.sleep(0)
        usage = Usage(input=used) if fate == "ok" else None
        settled = scene.settled(reservation, usage, outcome=fate)
        if self.random.random() < 0.5:  # else nobody waits for the disk, as in an exchange
            await settled.written


async def test_a_thousand_at_the_edge_of_a_budget_with_restarts_overspend_nothing(
    tmp_path: Path,
) -> None:
    """Five rounds of 1,000; each but the last ends in a kill in the middle of it."""
    home, vendor, refused = tmp_path / "home", Vendor(7), 0
    for number in range(5):
        left = None
        with opened(home) as scene:
            async with asyncio.TaskGroup() as group:
                for call in range(1000):
                    group.create_task(tried(vendor, scene, f"{number}-{call}"))
                if number < 4:
                    while scene.meter.spent("personal", SPEC).settled < (number + 1) * 15_000:
                        await asyncio.sleep(0)
                    left = killed(home)
                    billed = vendor.billed
            await scene.meter.flush()
            if left is None:
                standing = scene.meter.spent("personal", SPEC)
                assert (standing.held, standing.month <= BUDGET) == (0, True)
                refused = standing.month
        if left is not None:
            home, vendor.billed = left, billed  # what was asked after the kill was never asked
    assert vendor.billed <= accounted(home) == refused <= BUDGET
    assert refused > BUDGET * 0.9, "nothing was at the edge"
    assert verified(home).what == ""


async def tried(vendor: Vendor, scene: Scene, request: str) -> None:
    with contextlib.suppress(Blocked):
        await vendor.call(scene, request, 600)


async def test_killed_between_reservation_and_bill_it_counts_once_at_its_worst(
    home: Path,
) -> None:
    with opened(home) as scene:
        await scene.call(SPEC, 1_000)
        lost = await scene.reserve(SPEC, 5_000, request="lost")
        left = killed(home)
        await scene.settle(lost, 10)
    with opened(left) as scene:
        standing = scene.meter.spent("personal", SPEC)
        assert (standing.settled, standing.held) == (6_000, 0)
        with pytest.raises(Repeated) as said:
            await scene.reserve(SPEC, 5_000, request="lost")
        assert said.value.cost == 5_000
        again = killed(left)
    with opened(again) as scene:
        assert scene.meter.spent("personal", SPEC).month == 6_000
    assert [row[0] for row in rows(again)] == ["ok", "unknown"]
    assert verified(again).calls == 2


async def test_killed_after_the_bill_was_told_it_counts_as_billed(home: Path) -> None:
    with opened(home) as scene:
        reservation = await scene.reserve(SPEC, 5_000)
        await scene.settle(reservation, 10)
        left = killed(home)
    with opened(left) as scene:
        assert scene.meter.spent("personal", SPEC).month == 10


def rows(home: Path) -> list[tuple[str]]:
    with opened(home) as scene:
        return scene.database.rows("SELECT outcome FROM calls ORDER BY number")


_SPENDER = """
import asyncio, sys
from pathlib import Path
from tests.meter.scene import hard, opened

async def call(scene, number):
    reservation = await scene.reserve(hard(1000), 1000, request=f"{sys.argv[2]}-{number}")
    sys.stdout.write(f"+{number}\\n")
    used = number % 1000
    assert scene.settled(reservation, used).cost == used  # told before it is on disk
    sys.stdout.write(f"-{number}\\n")

async def main():
    with opened(Path(sys.argv[1])) as scene:
        for start in range(0, 10**9, 50):
            async with asyncio.TaskGroup() as group:
                for number in range(start, start + 50):
                    group.create_task(call(scene, number))
            sys.stdout.flush()
asyncio.run(main())
"""


def test_a_real_kill_loses_no_call_and_counts_none_twice(home: Path) -> None:
    told: dict[str, int] = {}  # what each call that was reserved costs at least
    for life in range(3):
        spender = subprocess.Popen(
            [sys.executable, "-c", _SPENDER, str(home), str(life)], cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert spender.stdout is not None
        with spender, spender.stdout as said:
            for count, line in enumerate(said):
                name = f"{life}-{line[1:].strip()}"
                told[name] = int(line[1:]) % 1000 if line[0] == "-" else 0
                if count == 3_000:
                    spender.send_signal(signal.SIGKILL)
    with opened(home) as scene:
        found = scene.database.rows("SELECT request, cost, outcome FROM calls")
        by_request = {request: cost for request, cost, _ in found}
        assert len(found) == len(by_request), "a request was billed twice"
        assert told.keys() <= by_request.keys(), "a call was forgotten"
        assert all(by_request[name] >= cost for name, cost in told.items())
        assert all(cost == 1000 for _, cost, outcome in found if outcome == "unknown")
        standing = scene.meter.spent("personal", SPEC)
        assert (standing.settled, standing.held) == (sum(by_request.values()), 0)
    assert verified(home).what == ""


async def test_a_caller_that_goes_away_while_it_reserves_sets_nothing_aside(
    scene: Scene, home: Path
) -> None:
    for turns in range(12):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(scene.reserve(SPEC, 500))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
        if not task.cancelled():
            await scene.settle(task.result(), None, outcome="failed")
    await scene.meter.flush()
    assert scene.meter.spent("personal", SPEC).month == 0
    with opened(killed(home)) as after:
        assert after.meter.spent("personal", SPEC).month == 0


async def test_a_caller_that_goes_away_while_it_settles_is_billed_all_the_same(
    scene: Scene, home: Path
) -> None:
    reservation = await scene.reserve(SPEC, 500)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(scene.settle(reservation, 40))
        await asyncio.sleep(0)
        task.cancel()
    await scene.meter.flush()
    assert scene.meter.spent("personal", SPEC).month == 40
    assert accounted(home) == 40


async def test_a_disk_that_refuses_keeps_the_bill_owed_until_it_takes_it(
    scene: Scene, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p42.stores.meter.queue.RETRY", 0.01)
    reservation = await scene.reserve(SPEC, 5_000)
    holder = scene.database.connection()
    holder.execute("PRAGMA query_only = 1")  # the disk, as it is when mounted read-only
    with pytest.raises(P42Error) as said:
        await scene.settle(reservation, 300)
    assert isinstance(said.value, Retry | Blocked)
    assert scene.meter.spent("personal", SPEC).month == 5_000, "the worst case stays set aside"
    with pytest.raises(P42Error, match=r"state\.db"):
        await scene.reserve(SPEC, 100)
    assert scene.meter.spent("personal", SPEC).month == 5_000
    holder.execute("PRAGMA query_only = 0")
    async with asyncio.timeout(10):
        while scene.meter.spent("personal", SPEC).month != 300:
            await asyncio.sleep(0.01)
    assert accounted(home) == 300
    assert verified(home).what == ""


async def test_settled_twice_at_once_it_is_billed_once(scene: Scene, home: Path) -> None:
    reservation = await scene.reserve(SPEC, 500)
    async with asyncio.TaskGroup() as group:
        settling = [group.create_task(scene.settle(reservation, used)) for used in (400, 500)]
    assert [task.result() for task in settling] == [400, 400]
    assert accounted(home) == scene.meter.spent("personal", SPEC).month == 400


async def test_a_bill_that_a_bug_lost_keeps_the_worst_case_set_aside(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    reservation = await scene.reserve(SPEC, 500)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("p42.stores.meter.book.write", broken)
        with pytest.raises(ZeroDivisionError):
            await scene.settle(reservation, 10)
    assert scene.meter.spent("personal", SPEC).held == 500
    assert await scene.settle(reservation, 10) == 10
