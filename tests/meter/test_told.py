"""What an answer cost is told before it is on disk: it counts at once, and no crash loses it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from p42.ai.meter.refusals import Repeated
from p42.model.completion import Usage
from p42.model.errors import P42Error
from p42.model.secret import Secret
from p42.stores.meter.audit import verified
from tests.meter.scene import PRICE, Scene, hard, killed, opened
from tests.meter.test_warnings import once

SPEC = hard(0.001)  # 1,000 micro-dollars


async def test_what_a_bill_gives_back_may_be_set_aside_in_the_same_moment(scene: Scene) -> None:
    for number in range(4):
        made = await scene.reserve(SPEC, 600)
        assert scene.settled(made, 100).cost == 100
        standing = scene.meter.spent("personal", SPEC)
        assert (standing.settled, standing.held) == (100 * (number + 1), 0)


async def test_killed_before_the_bill_is_on_disk_it_counts_once_at_its_worst(home: Path) -> None:
    with opened(home) as scene:
        made = await scene.reserve(SPEC, 600, request="told")
        settled = scene.settled(made, 100)
        before = killed(home).rename(home.with_name("before"))
        assert (await settled.written).cost == 100
        after = killed(home)
    for left, spent in ((before, 600), (after, 100)):
        with opened(left) as scene:
            assert scene.meter.spent("personal", SPEC).month == spent
            with pytest.raises(Repeated):
                await scene.reserve(SPEC, 1, request="told")
        assert (verified(left).calls, verified(left).what) == (1, "")


async def test_no_crash_keeps_a_reservation_without_the_bill_that_made_room_for_it(
    home: Path,
) -> None:
    with opened(home) as scene:
        first = await scene.reserve(SPEC, 600)
        scene.settled(first, 100)
        await scene.reserve(SPEC, 900)
        left = killed(home)
    with opened(left) as scene:
        assert scene.meter.spent("personal", SPEC).month == 1_000


async def test_the_end_waits_for_what_was_told(home: Path) -> None:
    with opened(home) as scene:
        scene.settled(await scene.reserve(SPEC, 600), 100)
        await scene.meter.flush()
        left = killed(home)
    with opened(left) as scene:
        assert scene.meter.spent("personal", SPEC).month == 100


async def test_who_waits_for_what_was_told_does_not_wait_for_what_comes_after(
    scene: Scene,
) -> None:
    async def comes_again() -> None:
        while True:
            await scene.call(hard(1_000), 1)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        busy = [group.create_task(comes_again()) for _ in range(20)]
        await scene.call(SPEC, 1)
        settled = scene.settled(await scene.reserve(SPEC, 600), 100)
        await scene.meter.flush()
        assert settled.written.done()
        for task in busy:
            task.cancel()


async def test_a_request_that_was_told_is_not_made_again(scene: Scene) -> None:
    scene.settled(await scene.reserve(SPEC, 600, request="once"), 100)
    with pytest.raises(Repeated) as said:
        await scene.reserve(SPEC, 1, request="once")
    assert said.value.cost == 100


async def test_one_that_was_told_to_have_failed_may_be_asked_again_at_once(scene: Scene) -> None:
    made = await scene.reserve(SPEC, 600, request="once")
    assert scene.settled(made, None, outcome="failed").cost == 0
    assert await scene.call(SPEC, 50, request="once") == 50


async def test_a_bill_that_the_disk_refuses_is_in_the_log_and_told_of_the_account(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody waits for it: that must not be how it is lost."""
    monkeypatch.setattr("p42.stores.meter.queue.RETRY", 0.01)
    made = await scene.reserve(SPEC, 600)
    holder = scene.database.connection()
    holder.execute("PRAGMA query_only = 1")  # the disk, as it is when mounted read-only
    scene.settled(made, 100)
    assert await once(scene)
    standing = scene.meter.spent("personal", SPEC)
    assert isinstance(standing.owed, P42Error)
    assert (standing.settled, standing.held) == (0, 600)
    assert scene.meter.spent("another", SPEC).owed is None
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "account/personal: what a call cost is not written" in record.message
    assert "state.db" in record.message
    holder.execute("PRAGMA query_only = 0")
    assert await once(scene)
    standing = scene.meter.spent("personal", SPEC)
    assert (standing.settled, standing.held, standing.owed) == (100, 0, None)


async def test_a_bug_in_writing_a_bill_is_logged_with_its_traceback(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    made = await scene.reserve(SPEC, 600)
    with monkeypatch.context() as patch:
        patch.setattr("p42.stores.meter.book.write", broken)
        scene.settled(made, 100)
        assert await once(scene)
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
    assert scene.meter.spent("personal", SPEC).held == 600


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("req_011CSHoEeqs5C35K2UUqR7Fy", "req_011CSHoEeqs5C35K2UUqR7Fy"),
        ("chatcmpl-9c2e", "chatcmpl-9c2e"),
        ("0b1c7a52-5a3e-4a7b-9f58-2f6f8a1c9d3e", "0b1c7a52-5a3e-4a7b-9f58-2f6f8a1c9d3e"),
        ("sk-test-0123456789abcdef", ""),
        ("req_sk-test-0123456789abcdef", ""),
        ("a\nb", ""), ("<html>", ""), ("é" * 9, ""), ("x" * 129, ""), ("", ""),
    ],
)  # fmt: skip
async def test_a_vendors_id_is_kept_if_it_is_one_and_holds_no_secret(
    scene: Scene, told: str, kept: str
) -> None:
    scene.redactor.add(Secret("sk-test-0123456789abcdef"))
    made = await scene.reserve(SPEC, 10)
    await scene.meter.settle(
        made, usage=Usage(5), price=PRICE, outcome="ok", vendor_id=told, latency=0.1
    ).written
    assert scene.database.rows("SELECT vendor FROM calls") == [(kept,)]
