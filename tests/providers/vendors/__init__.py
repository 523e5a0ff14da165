"""Vendors: paid strangers on 127.0.0.1, speaking their own protocols by a script.

async with AnthropicServer([Status(429, headers={"retry-after": "7"}), Say("Hello")]) as server:
    server.url, server.requests, server.aborted
"""

from __future__ import annotations

from tests.providers.vendors.anthropic import AnthropicServer
from tests.providers.vendors.bedrock import BedrockServer
from tests.providers.vendors.openai import OpenAIServer
from tests.providers.vendors.script import (
    CutShort,
    Drip,
    Drop,
    Garbage,
    Hang,
    Inside,
    Raw,
    Say,
    Status,
    Step,
)

__all__ = [
    "AnthropicServer",
    "BedrockServer",
    "CutShort",
    "Drip",
    "Drop",
    "Garbage",
    "Hang",
    "Inside",
    "OpenAIServer",
    "Raw",
    "Say",
    "Status",
    "Step",
]
