"""A child's token asks models on its account, and does nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic

from tests.ai.scene import spec
from tests.providers.vendors import AnthropicServer, CutShort, OpenAIServer, Say
from tests.web.raw import request, say
from tests.web.talk import PLAIN, Talk, talk

VENDORS = pytest.mark.parametrize("vendor", [AnthropicServer, OpenAIServer])
COST = 105  # micro-USD of one answer


@asynccontextmanager
async def child(
    home: Path, server: Any, **bound: Any
) -> AsyncIterator[tuple[Talk, AsyncAnthropic, str]]:
    """A talk, and a client of it with the token of agent/muse."""
    async with talk(home, server) as there:
        secret = await there.door.tokens.mint("agent/muse", **bound)
        yield there, there.like(secret), secret


@VENDORS
async def test_its_calls_are_its_agents_on_its_account(vendor: Any, tmp_path: Path) -> None:
    async with vendor() as server, child(tmp_path, server, account="side") as (there, client, _):
        await there.there.declare("side", spec(server))
        await client.messages.create(**PLAIN)
        await there.there.meter.flush()
        rows = there.there.database.rows("SELECT account, agent FROM calls")
        assert rows == [("side", "agent/muse")]


async def test_it_cannot_ask_another_account_or_model(tmp_path: Path) -> None:
    async with (
        AnthropicServer() as server,
        child(tmp_path, server, account="main", models=["m-1"]) as (there, client, _),
    ):
        await there.there.declare("side", spec(server))
        await client.messages.create(**PLAIN)
        with pytest.raises(anthropic.PermissionDeniedError, match="not for account side"):
            await client.messages.create(**PLAIN, extra_headers={"x-p42-account": "side"})
        with pytest.raises(anthropic.PermissionDeniedError, match="is for m-1, not for m-2"):
            await client.messages.create(**{**PLAIN, "model": "m-2"})
        assert len(server.completions) == 1
        assert [model.id async for model in client.models.list()] == []  # m-1 is not listed there


async def test_what_anthropics_clients_call_a_model_is_the_one_it_may_ask(tmp_path: Path) -> None:
    async with (
        AnthropicServer() as server,
        child(tmp_path, server, account="main", models=["m-1"]) as (_, client, _),
    ):
        await client.messages.create(**{**PLAIN, "model": "claude-next"})
        assert server.completions[0].body["model"] == "m-1"


@VENDORS
async def test_its_budget_ends_its_calls_and_nobody_elses(vendor: Any, tmp_path: Path) -> None:
    """One call costs 105, and at most some 17,000: the second is let through, the third is not."""
    async with (
        vendor() as server,
        child(tmp_path, server, budget=20_000) as (there, client, secret),
    ):
        await client.messages.create(**PLAIN)
        token = there.door.tokens.find(secret)
        assert token is not None
        assert token.bound is not None
        assert token.bound.spent == COST
        await there.door.tokens.reserve(token, 19_000)
        with pytest.raises(anthropic.APIStatusError, match="agent/muse may spend"):
            await client.messages.create(**PLAIN)
        assert len(server.completions) == 1
        await there.client.messages.create(**PLAIN)


@VENDORS
async def test_a_call_whose_end_nobody_knows_counts_at_its_worst(
    vendor: Any, tmp_path: Path
) -> None:
    cut = CutShort(Say("one two three"), after=3)
    async with (
        vendor([cut]) as server,
        child(tmp_path, server, budget=1_000_000) as (there, client, secret),
    ):
        with pytest.raises(Exception):  # noqa: B017, PT011 - which one is another test's
            await client.messages.create(**PLAIN, stream=False)
        token = there.door.tokens.find(secret)
        assert token is not None
        assert token.bound is not None
        assert token.bound.spent > 0


async def test_it_opens_nothing_but_the_models(tmp_path: Path) -> None:
    async with AnthropicServer() as server, child(tmp_path, server) as (there, _, secret):
        port, headers = there.door.port, {"Authorization": f"Bearer {secret}"}
        assert (await say(port, request(port, "/nothing", headers=headers))).status == 404
        token = there.door.tokens.find(secret)
        assert token is not None
        assert not any(token.may(scope) for scope in ("read", "write", "agents", "admin"))
