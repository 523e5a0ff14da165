"""Kit: the vendors as a table, and how a test asks one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from p42.model.completion import Message, Piece, Prompt, Reply, Text
from p42.model.models import Provider
from p42.providers.opening import open_provider
from tests.providers.vendors import AnthropicServer, BedrockServer, OpenAIServer, Step
from tests.providers.vendors.http import VendorServer

KEY = "sk-canary-0123456789abcdef"
DEADLINE = 60.0  # s; the first call imports an SDK, on cores that others use too


@dataclass(frozen=True)
class Vendor:
    provider: str
    server: type[VendorServer]


ANTHROPIC = Vendor("anthropic", AnthropicServer)
OPENAI = Vendor("openai", OpenAIServer)
BEDROCK = Vendor("bedrock", BedrockServer)
EVERY = pytest.mark.parametrize(
    "vendor", [ANTHROPIC, OPENAI, BEDROCK], ids=lambda vendor: vendor.provider
)


@asynccontextmanager
async def at(
    vendor: Vendor, *steps: Step, key: str = KEY, **spec: Any
) -> AsyncIterator[tuple[Provider, VendorServer]]:
    """A provider that is connected to a scripted vendor which knows KEY only."""
    async with vendor.server(steps, key=KEY) as server, asyncio.timeout(DEADLINE):
        account = {"provider": vendor.provider, "baseUrl": server.url, **spec}
        provider = open_provider(account, key)
        try:
            yield provider, server
        finally:
            await provider.close()


def prompt(text: str = "Say hello.", **fields: Any) -> Prompt:
    return Prompt(model="m-1", messages=(Message("user", text),), **fields)


async def pieces(provider: Provider, asked: Prompt | None = None) -> list[Piece]:
    return [piece async for piece in provider.stream(asked or prompt())]


async def reply(provider: Provider, asked: Prompt | None = None) -> Reply:
    last = (await pieces(provider, asked))[-1]
    assert isinstance(last, Reply)
    return last


def text(said: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in said if isinstance(piece, Text))
