"""The queue's contract: fair, stingy, level, patient."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from p42.engine.queue import Priority, Queue
from p42.model.refs import Ref

A, B, C = (Ref("Note", name) for name in "abc")
USER, HEAL, RESYNC = Priority


async def take(queue: Queue) -> Ref:
    async with asyncio.timeout(1):
        return (await queue.get())[0]


async def test_names_come_out_in_the_order_they_went_in() -> None:
    queue = Queue()
    for ref in (B, A, C):
        queue.add(ref, HEAL)
    assert [await take(queue) for _ in range(3)] == [B, A, C]


async def test_a_name_added_often_comes_out_once() -> None:
    queue = Queue()
    for _ in range(3):
        queue.add(A, HEAL)
    assert await take(queue) == A
    queue.done(A)
    assert len(queue) == 0


async def test_edits_come_before_heals_before_resyncs() -> None:
    queue = Queue()
    queue.add(A, RESYNC)
    queue.add(B, HEAL)
    queue.add(C, USER)
    assert [await queue.get() for _ in range(3)] == [(C, USER), (B, HEAL), (A, RESYNC)]


async def test_the_more_urgent_of_two_wishes_holds() -> None:
    queue = Queue()
    queue.add(A, RESYNC)
    queue.add(B, HEAL)
    queue.add(A, USER)
    queue.add(A, RESYNC)
    assert await queue.get() == (A, USER)
    queue.done(A)
    assert await queue.get() == (B, HEAL)
    assert len(queue) == 0


async def test_a_name_is_never_handed_out_twice_at_once() -> None:
    queue = Queue()
    queue.add(A, USER)
    assert await take(queue) == A
    queue.add(A, USER)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await queue.get()
    queue.done(A)
    assert await take(queue) == A


@pytest.mark.looptime
async def test_of_two_delays_the_earlier_wins() -> None:
    queue, loop = Queue(), asyncio.get_running_loop()
    queue.add_after(A, 5.0, HEAL)
    queue.add_after(A, 2.0, HEAL)
    queue.add_after(A, 9.0, HEAL)
    start = loop.time()
    await queue.get()
    assert loop.time() - start == pytest.approx(2.0)
    queue.done(A)
    await asyncio.sleep(20)
    assert len(queue) == 0


async def test_a_cancelled_worker_has_taken_nothing() -> None:
    queue = Queue()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add(A, USER)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert await take(queue) == A


async def test_a_wake_up_lost_to_a_cancelled_worker_goes_to_the_next() -> None:
    queue = Queue()
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add(A, USER)
    first.cancel()
    async with asyncio.timeout(1):
        assert (await second)[0] == A


class QueueLaws(RuleBasedStateMachine):
    """Against a model: what is owed is handed out, nothing else, and nothing twice."""

    refs = st.sampled_from([Ref("Note", name) for name in "abcdef"])

    @initialize()
    def start(self) -> None:
        self.queue = Queue()
        self.owed: set[Ref] = set()
        self.out: set[Ref] = set()

    @rule(ref=refs, priority=st.sampled_from(Priority))
    def add(self, ref: Ref, priority: Priority) -> None:
        self.queue.add(ref, priority)
        self.owed.add(ref)

    @precondition(lambda self: self.owed - self.out)
    @rule()
    def get(self) -> None:
        with pytest.raises(StopIteration) as returned:  # a name is there: it must not wait
            self.queue.get().send(None)
        ref = returned.value.value[0]
        assert ref in self.owed
        assert ref not in self.out
        self.owed.discard(ref)
        self.out.add(ref)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        ref = data.draw(st.sampled_from(sorted(self.out)))
        self.out.discard(ref)
        self.queue.done(ref)

    @invariant()
    def it_holds_what_is_owed_or_out(self) -> None:
        assert len(self.queue) == len(self.owed)
        assert all(self.queue.holds(ref) for ref in self.owed | self.out)


TestQueueLaws = QueueLaws.TestCase
