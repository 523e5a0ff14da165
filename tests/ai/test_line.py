"""An account's own limits show while they hold calls up, and are gone when they do not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from p42.ai.accounts.line import LEAST, Line
from p42.model.errors import Retry
from p42.model.refs import Ref
from tests.ai.scene import scene, spec
from tests.ai.test_health import known
from tests.providers.vendors import AnthropicServer

MAIN = Ref("Account", "main")


class Told(Line):
    """A line that counts what it tells."""

    def __init__(self) -> None:
        self.told = 0
        super().__init__("Account/main", changed=self._tell)

    def _tell(self) -> None:
        self.told += 1


@pytest.mark.looptime
async def test_a_limit_that_is_used_up_is_told_once_and_its_end_too() -> None:
    line = Told()
    line.use_up(30)
    assert (line.told, line.held) == (
        1, "its own rateLimit is used up for 30 s more; wait, or raise it",
    )  # fmt: skip
    for _ in range(5):
        line.use_up(30)
    await asyncio.sleep(10)
    line.use_up(25)  # of a larger call: later than before
    assert line.told == 1
    await asyncio.sleep(24.9)
    assert line.told == 1
    await asyncio.sleep(0.2)
    assert (line.told, line.held) == (2, "")


@pytest.mark.looptime
async def test_one_that_is_over_in_a_moment_is_no_news() -> None:
    line = Told()
    line.use_up(LEAST / 2)
    assert (line.told, line.held) == (0, "")


@pytest.mark.looptime
async def test_another_rate_limit_has_held_nobody_yet() -> None:
    line = Told()
    line.limit({"requests": 1})
    line.use_up(3000)
    line.limit({"requests": 1})
    assert line.held
    line.limit({"requests": 100})
    assert not line.held


@pytest.mark.looptime
async def test_calls_that_wait_long_for_a_turn_are_told_while_they_do() -> None:
    line = Told()
    line.queue.allow(1)
    await line.turn("a")
    waiting = [asyncio.ensure_future(line.turn(agent)) for agent in "bc"]
    await asyncio.sleep(LEAST / 2)
    assert (line.told, line.held) == (0, "")
    await asyncio.sleep(LEAST)
    assert line.told == 1
    assert line.held == "2 calls wait: 1 at a time is what rateLimit.concurrent lets through"
    waiting[0].cancel()
    line.queue.give_back()
    await asyncio.wait(waiting)
    assert (line.told, line.held) == (2, "")


async def test_an_account_whose_own_limit_refuses_a_call_says_so_until_it_is_raised(
    tmp_path: Path,
) -> None:
    async with AnthropicServer() as server:
        account = spec(server, rateLimit={"requests": 1, "per": "1h"})
        async with scene(tmp_path, main=account) as there:
            assert (await known(there, account)).reason == ""
            await there.ask()
            with pytest.raises(Retry, match="its rateLimit is used up"):
                await there.ask(timeout=5)
            health = await there.accounts.health(MAIN, account)
            assert (health.reason, health.template) == ("RateLimited", "")
            assert "its own rateLimit is used up for 36" in health.message
            raised = spec(server, rateLimit={"requests": 9, "per": "1h"})
            await there.declare("main", raised)
            assert (await there.accounts.health(MAIN, raised)).reason == ""
            assert (await there.ask()).answer
