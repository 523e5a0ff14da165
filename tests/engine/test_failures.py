"""Three words for failure: time mends Retry, the user mends Blocked, anything else is our bug."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from p42.model.errors import Retry
from p42.model.reasons import Mend
from p42.model.refs import Ref
from tests.engine.home import Home, ref, settled
from tests.engine.toys import blocked

pytestmark = pytest.mark.looptime
A = ref("Note/a")


def failing(home: Home, error: Exception, *, times: int = 10**9, at: str = "act") -> list[float]:
    """Make every `at` on Note/a fail so many times; answers with the loop times of the tries."""
    tries: list[float] = []

    def fault(place: str, which: Ref) -> Exception | None:
        if place != at or which != A:
            return None
        tries.append(asyncio.get_running_loop().time())
        return error if len(tries) <= times else None

    home.land.fault = fault
    return tries


async def test_a_retry_passes_by_itself(home: Home) -> None:
    tries = failing(home, Retry("the disk is full"), times=3)
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        assert [round(b - a) for a, b in pairwise(tries)] == [1, 2, 4]
        row = engine.view().rows[A]
        assert (row.status.reason, row.attempts, row.next_try) == ("Reconciled", 0, None)


async def test_a_retry_says_what_when_and_how_often(home: Home) -> None:
    failing(home, Retry("the disk is full", after=20.0))
    home.save("a.yaml", "Note a text=x")
    async with home.running(apply=False) as engine:
        await engine.follow([home.path])
        await asyncio.sleep(1)
        row = engine.view().rows[A]
        assert (row.status.reason, row.status.text, row.mend) == (
            "Retry", "the disk is full", Mend.TIME,
        )  # fmt: skip
        assert row.attempts == 1
        assert row.next_try is not None
        assert row.drift
        assert A not in home.written.bodies


async def test_a_new_spec_resets_the_back_off(home: Home) -> None:
    tries = failing(home, Retry("no"))
    home.save("a.yaml", "Note a text=x")
    async with home.running(apply=False) as engine:
        await engine.follow([home.path])
        await asyncio.sleep(40)
        before = len(tries)
        home.save("a.yaml", "Note a text=y")
        await asyncio.sleep(0.1)
        assert len(tries) == before + 1
        assert engine.view().rows[A].attempts == 1


async def test_a_nudge_tries_now(home: Home) -> None:
    tries = failing(home, Retry("no"))
    home.save("a.yaml", "Note a text=x")
    async with home.running(apply=False) as engine:
        await engine.follow([home.path])
        await asyncio.sleep(40)
        before = len(tries)
        engine.nudge(A)
        await asyncio.sleep(0.1)
        assert len(tries) == before + 1


async def test_events_do_not_cut_a_back_off_short(home: Home) -> None:
    tries = failing(home, Retry("no"))
    home.save("a.yaml", "Note a text=x")
    async with home.running(apply=False) as engine:
        await engine.follow([home.path])
        for _ in range(500):
            engine.wake(A)
            await asyncio.sleep(0.01)
        assert len(tries) == 3  # at 0, 1 and 3 seconds


async def test_blocked_is_settled_and_told(home: Home) -> None:
    tries = failing(home, blocked("PortInUse"))
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        row = engine.view().rows[A]
        assert (row.status.ready, row.status.reason, row.mend) == ("False", "PortInUse", Mend.USER)
        assert home.written.bodies[A]["conditions"] == [
            {"type": "Ready", "status": "False", "reason": "PortInUse", "message": "cats"}
        ]
        assert len(tries) == 1


async def test_our_own_blocked_act_does_not_wake_us_into_a_loop(home: Home) -> None:
    tries = failing(home, blocked())
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        for _ in range(100):
            engine.wake(A)
            await asyncio.sleep(0.01)
        assert len(tries) == 1


async def test_blocked_is_tried_again_when_reality_changes(home: Home) -> None:
    failing(home, blocked(), times=1)
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        path = home.land.root / "Note/a"
        path.parent.mkdir(parents=True)
        path.write_text("#p42\nsomething else")
        engine.wake(A)
        await asyncio.sleep(0.1)
        assert home.real() == {"Note/a": "#p42\nx"}


async def test_blocked_by_something_out_of_sight_ends_with_the_resync(home: Home) -> None:
    failing(home, blocked(), times=1)
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await asyncio.sleep(61)
        assert engine.view().rows[A].status.reason == "Reconciled"


async def test_a_bug_goes_to_the_log_and_the_loop_goes_on(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    failing(home, ZeroDivisionError("secret: hunter2"))
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        row = engine.view().rows[A]
        assert (row.status.reason, row.mend, row.attempts) == ("InternalError", Mend.FAILED, 3)
        assert "hunter2" not in row.status.text
        assert "ZeroDivisionError" in caplog.text
        assert engine.view().rows[ref("Note/b")].status.ready == "True"
        assert A not in home.written.bodies


async def test_a_bug_counts_as_failed_only_after_three_tries(home: Home) -> None:
    failing(home, ZeroDivisionError(), times=2)
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        assert engine.view().rows[A].status.reason == "Reconciled"


async def test_an_act_beyond_its_deadline_is_a_retry_and_blocks_nobody(home: Home) -> None:
    home.land.slowness = 45.0
    home.save("a.yaml", "Note a text=x")
    async with home.running(apply=False) as engine:
        await engine.follow([home.path])
        await asyncio.sleep(30.5)
        row = engine.view().rows[A]
        assert (row.status.reason, row.status.text) == (
            "Retry", "Write of Note/a took more than 30 s",
        )  # fmt: skip


async def test_a_fight_with_another_program_ends_in_a_retry(home: Home) -> None:
    def meddle() -> None:
        (home.land.root / "Note/a").write_text("#p42\nmine")

    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        path = home.land.root / "Note/a"
        home.land.fault = lambda place, which: meddle() if place == "observe" else None
        engine.wake(A)
        await asyncio.sleep(0.5)
        row = engine.view().rows[A]
        assert (row.status.reason, row.drift) == ("Retry", True)
        assert "who else changes it?" in row.status.text
        home.land.fault = lambda place, which: None
        await settled(engine)
        assert path.read_text() == "#p42\nx"


async def test_a_bug_in_a_watcher_means_look_at_everything(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")

    async def broken_watch(sources: object, wake: object) -> None:
        raise RuntimeError("inotify")

    home.sources.watch = broken_watch  # type: ignore[method-assign]
    async with home.running():
        looks = home.sources.looks
        await asyncio.sleep(12)
        assert home.sources.looks >= looks + 2


async def test_one_worker_per_name_ever(home: Home) -> None:
    home.land.slowness = 0.3
    home.save("a.yaml", "Note a text=0")
    home.save("b.yaml", "Note b text=0")
    async with home.running() as engine:
        for round_ in range(30):
            home.save("a.yaml", f"Note a text={round_}")
            engine.wake(None)
            engine.nudge(A)
            await asyncio.sleep(0.05)
        await settled(engine)
        assert home.land.overlaps == 0
        assert home.real()["Note/a"] == "#p42\n29"
