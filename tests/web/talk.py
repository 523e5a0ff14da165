"""The Anthropic SDK in front of p42, p42 in front of a scripted vendor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anthropic import AsyncAnthropic

from tests.ai.scene import There, scene, spec
from tests.web.doors import Opened, opened

QUESTION: Any = [{"role": "user", "content": "Hello"}]
PLAIN: dict[str, Any] = {"model": "m-1", "max_tokens": 100, "messages": QUESTION}


@dataclass
class Talk:
    """A door, the accounts behind it, and a client of it."""

    door: Opened
    there: There
    client: AsyncAnthropic

    def like(self, secret: str, **further: Any) -> AsyncAnthropic:
        """A client with another token."""
        return self.client.with_options(api_key=secret, **further)


@asynccontextmanager
async def talk(home: Path, server: Any, **changed: Any) -> AsyncIterator[Talk]:
    """`changed` as for `spec`."""
    async with (
        scene(home / "ai", main=spec(server, **changed)) as there,
        opened(home / "web", models=there.accounts) as door,
    ):
        url = f"http://127.0.0.1:{door.port}"
        async with AsyncAnthropic(
            api_key=await door.secret("agents"), base_url=url, max_retries=0
        ) as client:
            yield Talk(door, there, client)


async def final(client: Any, **changed: Any) -> Any:
    """The message at the end of a stream."""
    async with client.messages.stream(**PLAIN, **changed) as stream:
        return await stream.get_final_message()
