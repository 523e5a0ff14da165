"""While a program may write what p42 follows every change there waits; afterwards none for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from p42.ai.programs.pinning import EVERYWHERE, Hold
from p42.model.approval import Pin
from p42.model.completion import Text
from p42.model.errors import Retry
from p42.model.talk import Say
from p42.runtimes.sandbox.reach import Reach
from tests.process.pins import Engine, gone, started
from tests.process.room import room

WORK = Reach((Path("/work"),))
FOLLOWED = "/work/manifests"


async def test_a_program_in_a_sandbox_pins_nothing_of_what_it_cannot_write() -> None:
    engine = Engine()
    async with started(engine, "/elsewhere", FOLLOWED) as pinning:
        async with pinning.held("agent/a", Reach((Path("/work"),), (Path(FOLLOWED),))) as hold:
            assert not engine.pins
            assert not hold.outdated
        async with pinning.held("agent/a", None) as hold:
            assert engine.pinned == [(EVERYWHERE, "agent/a")]
            assert not hold.outdated  # a new one would be no better
        engine.gate.set()
        await gone(engine)


async def test_what_came_to_be_followed_while_it_was_begun_is_pinned_before_it_runs() -> None:
    engine = Engine()
    async with started(engine, FOLLOWED) as pinning, pinning.held("agent/a", WORK) as hold:
        assert engine.pinned == [(FOLLOWED, "agent/a")]
        assert hold.outdated


async def test_what_comes_to_be_followed_is_pinned_first_for_all_who_work() -> None:
    engine = Engine()
    async with started(engine) as pinning:
        async with (
            pinning.held("agent/a", WORK),
            pinning.held("agent/b", WORK),
            pinning.following([FOLLOWED, "/elsewhere"]),
        ):
            assert engine.pinned == [(FOLLOWED, "agent/a"), (FOLLOWED, "agent/b")]
            async with pinning.held("agent/c", WORK):  # nor is there a gap for who begins now
                assert (FOLLOWED, "agent/c") in engine.pinned
        engine.gate.set()
        await gone(engine)


async def test_a_parent_that_takes_in_a_source_is_a_source_of_its_own() -> None:
    engine, reach = Engine(), Reach((Path("/work"),), (Path(FOLLOWED),))
    async with started(engine, FOLLOWED) as pinning, pinning.held("agent/a", reach):
        assert not engine.pins
        async with pinning.following(["/work"]):
            assert engine.pinned == [("/work", "agent/a")]
        async with pinning.following(["/"]):
            assert ("/", "agent/a") in engine.pinned


async def test_who_rests_is_ended_first_and_who_cannot_be_is_pinned() -> None:
    engine, left = Engine(), list[str]()
    async with started(engine) as pinning:
        ended, rests = asyncio.Event(), asyncio.Event()

        async def resting() -> None:
            async with pinning.held("agent/rests", WORK) as hold:
                hold.leave = leave
                rests.set()
                await ended.wait()

        async def leave() -> None:
            left.append("rests")
            ended.set()
            await asyncio.wait([task])

        async def refuse() -> None:
            raise Retry("the disk is full")

        task = asyncio.ensure_future(resting())
        await rests.wait()
        async with pinning.held("agent/stays", WORK) as hold:
            hold.leave = refuse
            async with pinning.following([FOLLOWED]):
                assert left == ["rests"]
                assert engine.pinned == [(FOLLOWED, "agent/stays")]


async def test_one_that_ends_while_it_is_pinned_leaves_no_pin_behind() -> None:
    engine, held = Engine(), asyncio.Event()
    engine.gate.set()
    async with started(engine) as pinning:

        async def short() -> Hold:
            async with pinning.held("agent/a", WORK) as hold:
                held.set()
                while not engine.pins:
                    await asyncio.sleep(0)
                return hold

        task = asyncio.ensure_future(short())
        await held.wait()
        async with pinning.following([FOLLOWED]):
            pass
        await task
        await gone(engine)


@pytest.mark.looptime
async def test_one_that_begins_while_a_pin_is_taken_back_has_its_own() -> None:
    engine = Engine()
    async with started(engine) as pinning:
        async with pinning.held("agent/a", None):
            pass
        await asyncio.sleep(1)
        async with pinning.held("agent/a", None):
            assert len(engine.pins) == 2
            engine.gate.set()
            await asyncio.sleep(1)
            assert len(engine.pins) == 1
        await gone(engine)


@pytest.mark.looptime
async def test_many_that_end_together_are_looked_after_once() -> None:
    engine = Engine()
    engine.gate.set()
    async with started(engine) as pinning:
        async with pinning.held("agent/a", None), pinning.held("agent/b", None):
            pass
        await gone(engine)
    assert engine.unpinned == 1


@pytest.mark.looptime
async def test_a_disk_that_refuses_is_asked_again() -> None:
    engine = Engine()
    engine.refuses = 2
    engine.gate.set()
    async with started(engine) as pinning:
        async with pinning.held("agent/a", None):
            pass
        await asyncio.sleep(60)
        assert not engine.pins


async def test_a_crashed_daemons_pins_are_taken_back_and_no_others() -> None:
    engine = Engine()
    await engine.pin(EVERYWHERE, "programs of agents")  # as an earlier p42 wrote it
    await engine.pin(FOLLOWED, "agent/a #0123")
    async with started(engine) as pinning, pinning.held("agent/b", None):
        engine.gate.set()
        async with asyncio.timeout(5):
            while len(engine.pins) > 1:
                await asyncio.sleep(0)
        assert engine.pinned == [(EVERYWHERE, "agent/b")]


def test_a_pin_tells_a_name_and_not_which_of_two() -> None:
    assert Pin("/", "agent/a #0123").who == Pin("/", "agent/a").who == "agent/a"


@pytest.mark.parametrize("agent", ["claude", "lines"])
async def test_a_program_without_a_sandbox_is_pinned_as_long_as_it_runs(
    tmp_path: Path, agent: str
) -> None:
    async with room(tmp_path) as there:
        engine = Engine()
        engine.gate.set()
        there.talk.open(engine, engine.pinned_by)
        there.talk._ground.places._sought = True  # as on a machine that has none
        async for piece in there.talks.say(Say(agent, "say hello", session="a")):
            assert not isinstance(piece, Text) or engine.pinned == [(EVERYWHERE, f"agent/{agent}")]
        await there.sessions.change("a", ended=True)
        await gone(engine)
