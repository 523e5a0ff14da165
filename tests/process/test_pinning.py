"""While a program runs without a sandbox every change waits; afterwards none on its account."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from p42.ai.pinning import EVERYWHERE, Pinning
from p42.model.completion import Text
from p42.model.errors import Retry
from p42.model.talk import Say
from tests.process.room import room


class Engine:
    """The engine's side of it: what is pinned, by whom. Unpinning takes a while."""

    def __init__(self) -> None:
        self.pins: set[tuple[str, str]] = set()
        self.gate = asyncio.Event()
        self.refuses = 0

    async def pin(self, path: str, by: str) -> None:
        self.pins.add((path, by))

    async def unpin(self, path: str, by: str) -> None:
        await self.gate.wait()
        if self.refuses:
            self.refuses -= 1
            raise Retry("the disk is full")
        self.pins.discard((path, by))

    async def settle(self, refs: Any = None) -> None:
        return

    def pinned(self) -> list[str]:
        return [path for path, _ in self.pins]


async def started_with(engine: Engine) -> tuple[Pinning, asyncio.Task[None]]:
    pinning = Pinning()
    pinning.open(engine, engine.pinned)
    return pinning, asyncio.ensure_future(pinning.run())


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def gone(engine: Engine) -> None:
    async with asyncio.timeout(5):
        while engine.pins:
            await asyncio.sleep(0)


async def test_a_program_in_a_sandbox_pins_nothing() -> None:
    engine = Engine()
    pinning, task = await started_with(engine)
    async with pinning.held(wrapped=True):
        assert engine.pins == set()
    async with pinning.held(wrapped=False):
        assert engine.pinned() == [EVERYWHERE]
    engine.gate.set()
    await gone(engine)
    await ended(task)


@pytest.mark.looptime
async def test_one_that_begins_while_a_pin_is_taken_back_has_its_own() -> None:
    engine = Engine()
    pinning, task = await started_with(engine)
    async with pinning.held(wrapped=False):
        pass
    await asyncio.sleep(1)
    async with pinning.held(wrapped=False):
        assert len(engine.pins) == 2
        engine.gate.set()
        await asyncio.sleep(1)
        assert len(engine.pins) == 1
    await gone(engine)
    await ended(task)


@pytest.mark.looptime
async def test_a_disk_that_refuses_is_asked_again() -> None:
    engine = Engine()
    engine.refuses = 2
    engine.gate.set()
    pinning, task = await started_with(engine)
    async with pinning.held(wrapped=False):
        pass
    await asyncio.sleep(60)
    assert engine.pins == set()
    await ended(task)


async def test_a_crashed_daemons_pin_is_taken_back() -> None:
    engine = Engine()
    engine.gate.set()
    await engine.pin(EVERYWHERE, "programs of agents")
    _, task = await started_with(engine)
    await gone(engine)
    await ended(task)


@pytest.mark.parametrize("agent", ["claude", "lines"])
async def test_a_program_without_a_sandbox_is_pinned_as_long_as_it_runs(
    tmp_path: Path, agent: str
) -> None:
    async with room(tmp_path) as there:
        engine = Engine()
        engine.gate.set()
        there.talk.open(engine, engine.pinned)
        there.talk._ground.places._sought = True  # as on a machine that has none
        async for piece in there.talks.say(Say(agent, "say hello", session="a")):
            assert not isinstance(piece, Text) or engine.pinned() == [EVERYWHERE]
        await there.sessions.change("a", ended=True)
        await gone(engine)
