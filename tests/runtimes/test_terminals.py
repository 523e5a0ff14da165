"""A forwarded message counts as delivered when the terminal says that it showed it."""

from __future__ import annotations

import asyncio

import pytest

from p42.model.errors import InvalidInput
from p42.runtimes.terminals import Delivery, Terminals


async def shown_by(terminals: Terminals, name: str, *, confirm: bool) -> list[Delivery]:
    """What a terminal called `name` gets until its first message was handled."""
    with terminals.attached(name) as following:
        found = await following()
        if confirm:
            assert terminals.confirm(found.id)
    return [found]


async def attached(terminals: Terminals, name: str) -> None:
    async with asyncio.timeout(5):
        while name not in terminals.names:
            await asyncio.sleep(0)


@pytest.mark.looptime
async def test_a_confirmed_message_is_delivered() -> None:
    terminals = Terminals()
    async with asyncio.TaskGroup() as group:
        jill = group.create_task(shown_by(terminals, "jill", confirm=True))
        await attached(terminals, "jill")
        assert await terminals.deliver("jill", "numa", "hello")
    assert [(each.sender, each.text) for each in jill.result()] == [("numa", "hello")]
    assert terminals.names == ()


@pytest.mark.looptime
async def test_a_silent_terminal_did_not_take_it_and_a_late_word_is_too_late() -> None:
    terminals = Terminals()
    async with asyncio.TaskGroup() as group:
        jill = group.create_task(shown_by(terminals, "jill", confirm=False))
        await attached(terminals, "jill")
        assert not await terminals.deliver("jill", "numa", "hello")
    assert not terminals.confirm(jill.result()[0].id)


async def test_nobody_there_takes_nothing() -> None:
    assert not await Terminals().deliver("jill", "numa", "hello")


@pytest.mark.looptime
async def test_a_name_is_one_terminals() -> None:
    terminals = Terminals()
    async with asyncio.TaskGroup() as group:
        group.create_task(shown_by(terminals, "jill", confirm=True))
        await attached(terminals, "jill")
        with pytest.raises(InvalidInput, match="attached already"), terminals.attached("jill"):
            pass
        assert await terminals.deliver("jill", "numa", "hello")
