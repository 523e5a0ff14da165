"""What is known of approvals: durable, and never forgotten to the better of a machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from p42.model.approval import PERSON, UNKNOWN, Approvals
from p42.model.errors import P42Error
from p42.model.refs import Ref
from p42.runtimes.clock import SystemClock
from p42.stores.approvals import MOST, SqliteApprovals
from p42.stores.state.database import Database
from tests.engine.approvals import MemoryApprovals

A, B = Ref("Command", "a"), Ref("Command", "b")
ONE, TWO = "1" * 64, "2" * 64


def opened(database: Database) -> SqliteApprovals:
    return SqliteApprovals(database, clock=SystemClock())


@pytest.fixture(params=["sqlite", "memory"])
def approvals(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Approvals]:
    """The store, and the engine tests' stand-in for it: one contract."""
    if request.param == "memory":
        yield MemoryApprovals()
        return
    with Database.open(tmp_path / "home") as database:
        yield opened(database)


async def test_of_a_stranger_nothing_is_known(approvals: Approvals) -> None:
    assert approvals.get(A) == UNKNOWN
    assert not approvals.approved(A, ONE)
    assert not approvals.machine_made(A)
    await approvals.settle(A)
    await approvals.forget(A)
    assert approvals.get(A) == UNKNOWN


async def test_an_approval_is_of_one_digest_of_one_name(approvals: Approvals) -> None:
    await approvals.approve(A, ONE, by=PERSON)
    assert approvals.approved(A, ONE)
    assert not approvals.approved(A, TWO)
    assert not approvals.approved(B, ONE)


async def test_a_persons_word_releases_and_a_locks_does_not(approvals: Approvals) -> None:
    await approvals.approve(A, ONE, by="forged/a.lock.yaml")
    assert approvals.get(A).released is None
    await approvals.approve(A, TWO, by=PERSON)
    assert approvals.get(A).released == TWO


async def test_what_was_let_through_waits_no_more_and_stays_agreed_to(
    approvals: Approvals,
) -> None:
    await approvals.hold(A, "pin")
    await approvals.approve(A, ONE, by=PERSON)
    await approvals.settle(A)
    known = approvals.get(A)
    assert (known.held, known.released) == ("", None)
    assert approvals.approved(A, ONE)


async def test_a_second_mark_takes_auto_back(approvals: Approvals) -> None:
    await approvals.mark(A, auto=True)
    assert approvals.get(A).auto
    await approvals.mark(A)
    assert approvals.machine_made(A)
    assert not approvals.get(A).auto


async def test_a_path_is_pinned_until_the_last_who_pinned_it_lets_go(approvals: Approvals) -> None:
    await approvals.pin("/m", "Agent/muse")
    await approvals.pin("/m", "Agent/echo")
    await approvals.unpin("/m", "Agent/muse")
    await approvals.unpin("/elsewhere", "Agent/muse")
    assert list(approvals.pinned()) == ["/m"]
    await approvals.unpin("/m", "Agent/echo")
    assert list(approvals.pinned()) == []


async def test_all_of_it_outlives_the_daemon(tmp_path: Path) -> None:
    with Database.open(tmp_path) as database:
        first = opened(database)
        await first.mark(A, auto=True)
        await first.approve(A, ONE, by=PERSON)
        await first.hold(B, "git")
        await first.pin("/m\udcff", "Agent/muse")
        before = {ref: first.get(ref) for ref in (A, B)}
    with Database.open(tmp_path) as database:
        again = opened(database)
        assert {ref: again.get(ref) for ref in (A, B)} == before
        assert again.pinned() == ("/m\udcff",)
        await again.forget(A)
        await again.unpin("/m\udcff", "Agent/muse")
    with Database.open(tmp_path) as database:
        last = opened(database)
        assert (last.get(A), last.pinned()) == (UNKNOWN, ())


async def test_changes_that_cross_lose_nothing_of_each_other(tmp_path: Path) -> None:
    """A mark that was overtaken by an approval would let the next version run unasked."""
    import asyncio

    with Database.open(tmp_path) as database:
        store = opened(database)
        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(store.approve(A, f"{number:064}", by=PERSON))
            group.create_task(store.mark(A))
            group.create_task(store.hold(A, "pin"))
        known = store.get(A)
        assert (known.machine, known.held, len(known.grants)) == (True, "pin", 8)
    with Database.open(tmp_path) as database:
        assert opened(database).get(A) == known


async def test_the_oldest_agreement_falls_off_and_is_only_asked_about_again(
    tmp_path: Path,
) -> None:
    with Database.open(tmp_path) as database:
        store = opened(database)
        for number in range(MOST + 1):
            await store.approve(A, f"{number:064}", by=PERSON)
        assert not store.approved(A, f"{0:064}")
        assert store.approved(A, f"{MOST:064}")


@pytest.mark.parametrize("loss", ["gone", "damaged", "a changed row"])
async def test_with_the_database_lost_agreement_is_lost_and_distrust_is_not(
    tmp_path: Path, loss: str
) -> None:
    with Database.open(tmp_path) as database:
        store = opened(database)
        await store.mark(A, auto=True)
        await store.approve(A, ONE, by=PERSON)
        await store.hold(B, "git")
        if loss == "a changed row":
            await database.write(
                lambda db: db.execute("UPDATE approvals SET body = replace(body, 'tru', 'fals')")
            )
    if loss == "gone":
        (tmp_path / "state.db").unlink()
    elif loss == "damaged":
        (tmp_path / "state.db").write_bytes(b"SQLite format 3\0" + b"rubbish" * 1000)
    for _ in range(2):  # and it stays so
        with Database.open(tmp_path) as database:
            again = opened(database)
            assert again.machine_made(A)
            assert again.machine_made(B)
            assert not again.get(A).auto
            assert not again.approved(A, ONE)


async def test_a_copy_for_questions_writes_nothing(tmp_path: Path) -> None:
    with Database.open(tmp_path) as database:
        await opened(database).hold(A, "git")
    before = (tmp_path / "state.marks").read_bytes()
    with Database.copy(tmp_path) as copy:
        store = opened(copy)
        await store.hold(B, "pin")
        assert store.get(A).held == "git"
    assert (tmp_path / "state.marks").read_bytes() == before
    with Database.open(tmp_path) as database:
        assert opened(database).get(B) == UNKNOWN


async def test_a_disk_that_refuses_leaves_what_was(tmp_path: Path) -> None:
    with Database.open(tmp_path) as database:
        store = opened(database)
        (tmp_path / "state.marks").mkdir()  # cannot be replaced by a file
        with pytest.raises(P42Error):
            await store.mark(A)
        assert store.get(A) == UNKNOWN
        (tmp_path / "state.marks").rmdir()
        await store.mark(A)
        assert store.machine_made(A)
