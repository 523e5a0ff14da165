"""Asking an account: the answer, its bill, and each way in which a provider can fail it.

Both vendors' real SDKs against servers that speak their protocols by a script.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from p42.model.completion import Cut, Text, Usage
from p42.model.errors import Blocked, P42Error, Retry, TimedOut
from p42.stores.meter.rows import ESTIMATED, estimated
from tests.ai.scene import Told, call, scene, spec
from tests.providers.vendors import (
    AnthropicServer,
    CutShort,
    Drip,
    Drop,
    Garbage,
    Hang,
    Inside,
    OpenAIServer,
    Say,
    Status,
    Step,
)

COST = 105  # micro-USD of 10 tokens in at 3 USD and 5 out at 15 USD a million
VENDORS = pytest.mark.parametrize("vendor", [AnthropicServer, OpenAIServer])


@VENDORS
async def test_an_answer_comes_in_pieces_and_is_billed_once(vendor: Any, tmp_path: Path) -> None:
    async with (
        vendor([Say("one two three")]) as server,
        scene(tmp_path, main=spec(server)) as there,
    ):
        told = await there.ask(request="r-1", agent="agent/muse")
        assert told.text == "one two three"
        assert len(told.pieces) == 3
        assert told.answer is not None
        assert (told.answer.account, told.answer.request) == ("main", "r-1")
        assert told.answer.cost == there.spent() == COST
        assert await there.journal() == [("r-1", "ok", COST)]


@VENDORS
@pytest.mark.parametrize(
    "fault",
    [
        Status(429, headers={"retry-after": "0"}),
        Status(429),
        Status(500),
        Status(529),
        Drop(),
        Inside(),
        CutShort(after=0),
    ],
    ids=repr,
)
async def test_what_passes_is_tried_again_and_billed_once(
    vendor: Any, fault: Any, tmp_path: Path
) -> None:
    async with vendor([fault, Say("whole")]) as server, scene(tmp_path, main=spec(server)) as there:
        told = await there.ask(request="r-1")
        assert told.text == "whole"
        assert len(server.completions) == 2
        outcomes = [(request, outcome) for request, outcome, _ in await there.journal()]
        assert outcomes[-1] == ("r-1#2", "ok")
        if isinstance(fault, Status | Drop):
            assert outcomes[0] == ("r-1", "failed")
            assert there.spent() == COST


@VENDORS
async def test_three_tries_and_then_the_vendors_word(vendor: Any, tmp_path: Path) -> None:
    steps = [Status(503, "come back later")] * 5
    async with vendor(steps) as server, scene(tmp_path, main=spec(server)) as there:
        with pytest.raises(Retry, match="come back later") as failed:
            await there.ask()
        assert failed.value.reason == "ProviderDown"
        assert len(server.completions) == 3
        assert there.spent() == 0


@VENDORS
async def test_retry_after_is_kept_inside_the_deadline_and_not_beyond(
    vendor: Any, tmp_path: Path
) -> None:
    steps = [Status(429, headers={"retry-after": "1"}), Say("later")]
    async with vendor(steps) as server, scene(tmp_path, main=spec(server)) as there:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await there.ask(timeout=10)).text == "later"
        assert loop.time() - began >= 1
    steps = [Status(429, headers={"retry-after": "60"})]
    async with vendor(steps) as server, scene(tmp_path / "2", main=spec(server)) as there:
        async with asyncio.timeout(5):
            with pytest.raises(Retry, match="tried again in 60 s") as failed:
                await there.ask(timeout=10)
        assert (failed.value.reason, failed.value.after) == ("RateLimited", 60)
        async with asyncio.timeout(5):  # the rest holds for every other call too, unasked
            with pytest.raises(Retry, match="asked for a rest"):
                await there.ask(timeout=10)
        assert len(server.completions) == 1
        ref = there.registry.refs()[0]
        health = await there.accounts.health(ref, spec(server))
        assert (health.reason, health.template) == ("InProgress", "")


@VENDORS
@pytest.mark.parametrize("fault", [CutShort(after=4), CutShort(after=4, polite=True)], ids=repr)
async def test_a_cut_after_something_was_said_is_not_said_twice_and_billed_as_far_as_known(
    vendor: Any, fault: Any, tmp_path: Path
) -> None:
    async with vendor([fault]) as server, scene(tmp_path, main=spec(server)) as there:
        told = Told()
        with pytest.raises(Cut) as cut:
            await there.ask(request="r-1", into=told)
        assert told.answer is None  # half of one is none
        assert cut.value.said == told.text != ""
        assert len(server.completions) == 1
        [(request, outcome, cost)] = await there.journal()
        assert (request, outcome.removesuffix(ESTIMATED)) == ("r-1", "cut")
        assert cost > 0


@VENDORS
async def test_garbage_in_the_stream_is_a_cut_and_not_asked_for_again(
    vendor: Any, tmp_path: Path
) -> None:
    async with vendor([Garbage()]) as server, scene(tmp_path, main=spec(server)) as there:
        with pytest.raises(Cut):
            await there.ask()
        assert len(server.completions) == 1


@VENDORS
@pytest.mark.parametrize("fault", [Hang(), Drip(pace=0.2)], ids=repr)
async def test_nothing_outlives_the_deadline(vendor: Any, fault: Any, tmp_path: Path) -> None:
    async with vendor() as server, scene(tmp_path, main=spec(server)) as there:
        await there.ask()  # the SDK is imported
    async with vendor([fault]) as server, scene(tmp_path / "2", main=spec(server)) as there:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises((TimedOut, Cut)):
            await there.ask(timeout=0.7)
        assert loop.time() - began < 1.5
        await server.until(lambda: server.aborted == 1)
        assert (await there.journal())[0][1] == estimated("cut")
        assert there.spent() > 0  # nobody knows what it cost: the worst counts


@VENDORS
@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Status(401, "bad key"), "KeyRejected"), (Status(404, "no such model"), "Blocked"),
     (Status(400, "too long"), "Blocked")],
    ids=repr,
)  # fmt: skip
async def test_what_the_user_has_to_mend_is_not_tried_again(
    vendor: Any, fault: Any, reason: str, tmp_path: Path
) -> None:
    async with vendor([fault]) as server, scene(tmp_path, main=spec(server)) as there:
        with pytest.raises(Blocked) as blocked:
            await there.ask()
        assert blocked.value.reason == reason
        assert len(server.completions) == 1
        assert there.spent() == 0


@VENDORS
async def test_who_leaves_ends_the_vendors_request_and_gives_the_turn_back(
    vendor: Any, tmp_path: Path
) -> None:
    hold = asyncio.Event()
    account = {"rateLimit": {"concurrent": 1}}
    steps = [Say("one two three", hold=hold, after=3), Say("next")]
    async with vendor(steps) as server, scene(tmp_path, main=spec(server, **account)) as there:
        pieces: Any = there.accounts.ask(call(request="r-1"))
        async with aclosing(pieces) as stream:
            assert isinstance(await anext(stream), Text)
        await server.until(lambda: server.aborted == 1)
        assert (await there.ask()).text == "next"
        assert (await there.journal())[0][:2] == ("r-1", estimated("cancelled"))


async def test_a_hard_budget_stops_the_call_before_it_is_made(tmp_path: Path) -> None:
    async with AnthropicServer([Say("dear", usage=Usage(10, 50))]) as server:
        account = spec(server, budget={"monthlyUsd": 0.001, "hard": True})
        async with scene(tmp_path, main=account) as there:
            await there.ask(prompt={"max_tokens": 40})
            with pytest.raises(Blocked) as blocked:
                await there.ask(prompt={"max_tokens": 40})
            assert blocked.value.reason == "BudgetExceeded"
            assert len(server.completions) == 1
            ref = there.registry.refs()[0]
            await settled(there, ref, account)
            health = await there.accounts.health(ref, account)
            assert health.reason == "BudgetExceeded"
            assert "$0.001" in health.template
            assert "0.00078" in health.message
            assert "0.00078" not in health.template


async def test_a_limit_of_our_own_is_waited_for_and_costs_no_try(tmp_path: Path) -> None:
    limit = {"rateLimit": {"requests": 1, "per": "500ms"}}
    steps: list[Step] = [Status(500), Status(500), Say("third")]
    async with (
        AnthropicServer(steps) as server,
        scene(tmp_path, main=spec(server, **limit)) as there,
    ):
        assert (await there.ask(timeout=20)).text == "third"
        assert len(server.completions) == 3


async def test_waiting_for_a_turn_is_part_of_the_deadline(tmp_path: Path) -> None:
    hold = asyncio.Event()
    account = {"rateLimit": {"concurrent": 1}}
    async with (
        AnthropicServer([Say("first", hold=hold)]) as server,
        scene(tmp_path, main=spec(server, **account)) as there,
    ):
        async with asyncio.TaskGroup() as group:
            first = group.create_task(there.ask())
            await server.until(lambda: len(server.completions) == 1)
            with pytest.raises(TimedOut, match="Account/main"):
                await there.ask(timeout=0.2)
            hold.set()
        assert first.result().text == "first"
        assert len(server.completions) == 1


async def test_no_more_calls_are_out_than_the_account_allows(tmp_path: Path) -> None:
    hold, account = asyncio.Event(), {"rateLimit": {"concurrent": 3}}
    async with (
        AnthropicServer(lambda _: Say(hold=hold)) as server,
        scene(tmp_path, main=spec(server, **account)) as there,
    ):
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(there.ask(agent=f"agent/{number % 3}"))
            await server.until(lambda: server.open == 3)
            hold.set()
        assert server.most == 3
        assert len(server.completions) == 12


async def test_the_breaker_refuses_at_once_and_lets_one_through_later(tmp_path: Path) -> None:
    async with (
        AnthropicServer([Status(500)] * 6) as server,
        scene(tmp_path, main=spec(server), random=lambda: 0.0) as there,
    ):
        for _ in range(2):
            with pytest.raises(P42Error):
                await there.ask()
        assert len(server.completions) == 5  # the fifth failure in a row opened it
        async with asyncio.timeout(1):
            with pytest.raises(Retry, match="p42 account check main"):
                await there.ask()
        assert len(server.completions) == 5
        ref = there.registry.refs()[0]
        assert (await there.accounts.health(ref, spec(server))).reason == "ProviderDown"
        assert (await there.accounts.recheck(ref)).reason == ""  # its list of models comes
        server.script = [Say("back")]
        assert (await there.ask()).text == "back"


async def settled(there: Any, ref: Any, account: Any) -> None:
    """Until the check of the key has ended."""
    async with asyncio.timeout(5):
        while (await there.accounts.health(ref, account)).reason == "InProgress":
            await asyncio.sleep(0.01)  # the answer comes from another task's socket
