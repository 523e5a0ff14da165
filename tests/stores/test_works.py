"""Works: run once, committed before seen, cancelled without a trace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from p42.model.errors import Blocked
from p42.model.plan import Outcome
from p42.model.ports import Work
from p42.model.refs import Ref
from p42.stores.state.database import Database
from p42.stores.works import KEPT, SqliteWorks
from tests.stores.timepiece import Timepiece

REF = Ref("Command", "hello")
DONE = Outcome("w", ok=True, detail="passed", result=b"\x00bytes")


class Bell:
    """Rings when a ref is woken."""

    def __init__(self) -> None:
        self.woken: asyncio.Queue[Ref] = asyncio.Queue()

    def __call__(self, ref: Ref) -> None:
        self.woken.put_nowait(ref)

    async def rings(self) -> Ref:
        async with asyncio.timeout(10):
            return await self.woken.get()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
async def works(database: Database, bell: Bell) -> AsyncIterator[SqliteWorks]:
    async with SqliteWorks(database, wake=bell, clock=Timepiece()) as entered:
        yield entered


async def done() -> Outcome:
    return DONE


async def test_an_outcome_is_on_disk_when_its_ref_is_woken(home: Path) -> None:
    bell = Bell()
    with Database.open(home) as database:
        async with SqliteWorks(database, wake=bell, clock=Timepiece()) as works:
            works.start(REF, "w", done)
            assert works.get("w") == Work("w", "running")
            assert await bell.rings() == REF
            assert works.get("w") == Work("w", "done", DONE)
    with Database.open(home) as database:
        again = SqliteWorks(database, wake=bell, clock=Timepiece())
        assert again.get("w") == Work("w", "done", DONE)
        assert again.get("never") is None


async def test_work_that_runs_or_is_done_is_not_started_again(
    works: SqliteWorks, bell: Bell
) -> None:
    started: list[int] = []

    async def count() -> Outcome:
        started.append(1)
        return DONE

    for _ in range(3):
        works.start(REF, "w", count)
    await bell.rings()
    works.start(REF, "w", count)
    assert len(started) == 1


async def test_all_who_wanted_one_work_or_asked_how_it_goes_are_woken_at_its_end(
    works: SqliteWorks, bell: Bell
) -> None:
    """Three manifests with one prompt: the others stayed as they were until the next resync."""
    gate, second, third = asyncio.Event(), Ref("Command", "two"), Ref("Command", "three")

    async def held() -> Outcome:
        await gate.wait()
        return DONE

    works.start(REF, "w", held)
    works.start(second, "w", held)
    assert works.get("w", tell=third) == Work("w", "running")
    gate.set()
    assert {await bell.rings() for _ in range(3)} == {REF, second, third}
    assert works.get("w", tell=third) == Work("w", "done", DONE)
    await works.forget("w")
    works.start(REF, "w", done)
    assert await bell.rings() == REF
    assert bell.woken.empty()


async def test_work_that_was_forgotten_may_run_again(works: SqliteWorks, bell: Bell) -> None:
    works.start(REF, "w", done)
    await bell.rings()
    await works.forget("w")
    assert works.get("w") is None
    works.start(REF, "w", done)
    await bell.rings()
    assert works.get("w") is not None


async def test_a_failure_the_user_can_mend_becomes_an_outcome(
    works: SqliteWorks, bell: Bell
) -> None:
    async def blocked() -> Outcome:
        raise Blocked("python4: not found; install it")

    works.start(REF, "w", blocked)
    await bell.rings()
    outcome = Outcome("w", ok=False, detail="python4: not found; install it")
    assert works.get("w") == Work("w", "done", outcome)


async def test_a_bug_becomes_an_outcome_and_its_traceback_goes_to_the_log(
    works: SqliteWorks, bell: Bell, caplog: pytest.LogCaptureFixture
) -> None:
    async def bug() -> Outcome:
        raise ZeroDivisionError("a secret value")

    with caplog.at_level(logging.ERROR):
        works.start(REF, "w", bug)
        await bell.rings()
    found = works.get("w")
    assert found is not None
    assert found.outcome is not None
    assert "ZeroDivisionError" in found.outcome.detail
    assert "secret" not in found.outcome.detail
    assert "Traceback" in caplog.text


async def test_what_runs_at_the_stop_is_cancelled_and_commits_nothing(home: Path) -> None:
    bell, ended = Bell(), asyncio.Event()

    async def long() -> Outcome:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return DONE

    with Database.open(home) as database:
        async with SqliteWorks(database, wake=bell, clock=Timepiece(), parallel=1) as works:
            works.start(REF, "w", long)
            works.start(REF, "waits for its turn", long)
            await asyncio.sleep(0)
        assert ended.is_set()
        assert works.get("w") is None
        assert works.get("waits for its turn") is None
        assert bell.woken.empty()
        with pytest.raises(RuntimeError, match="after it"):
            works.start(REF, "late", long)


async def test_so_many_run_at_once_and_no_more(database: Database, bell: Bell) -> None:
    running, most = 0, 0

    async def watched() -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return DONE

    async with SqliteWorks(database, wake=bell, clock=Timepiece(), parallel=3) as works:
        for number in range(20):
            works.start(REF, f"w{number}", watched)
        for _ in range(20):
            await bell.rings()
    assert most == 3


async def test_a_disk_that_refuses_the_outcome_is_asked_again_and_the_work_is_not_repeated(
    database: Database, bell: Bell
) -> None:
    clock = Timepiece()
    connection = database.connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    runs: list[int] = []

    async def large() -> Outcome:
        runs.append(1)
        return Outcome("w", ok=True, result=b"x" * 100_000)

    connection.execute(f"PRAGMA max_page_count = {pages}")
    async with SqliteWorks(database, wake=bell, clock=clock) as works:
        works.start(REF, "w", large)
        async with asyncio.timeout(10):
            while len(clock.naps) < 8:
                await asyncio.sleep(0.001)
        found = works.get("w")
        assert found == Work("w", "running"), "nobody sees what is not committed"
        connection.execute("PRAGMA max_page_count = 1000000")
        await bell.rings()
    assert clock.naps[:6] == [1, 2, 4, 8, 16, 30]
    assert runs == [1]


async def test_only_the_latest_outcomes_of_a_ref_are_kept(
    database: Database, works: SqliteWorks, bell: Bell
) -> None:
    other = Ref("Command", "other")
    works.start(other, "other", done)
    await bell.rings()
    for number in range(KEPT + 5):
        works.start(REF, f"w{number}", done)
        await bell.rings()
    rows = {name for (name,) in database.rows("SELECT id FROM works")}
    assert rows == {"other", *(f"w{number}" for number in range(5, KEPT + 5))}
    assert works.get("w4") is None
