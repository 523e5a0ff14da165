"""A scripted vendor in a thread of its own, for tests that block on a real daemon."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.providers.vendors import OpenAIServer

KEY = "sk-test-0123456789abcdef"


@contextmanager
def vendor(script: Any = ()) -> Iterator[OpenAIServer]:
    """An OpenAI-compatible server that runs until the block ends."""
    started, server, loop = threading.Event(), OpenAIServer(script), asyncio.new_event_loop()
    ended: asyncio.Event | None = None

    async def run() -> None:
        nonlocal ended
        ended = asyncio.Event()
        async with server:
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield server
    finally:
        assert ended is not None
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


def account(directory: Path, url: str, name: str = "main", **spec: Any) -> Path:
    """A manifest of an account that leads there, and its key in a file."""
    directory.mkdir(parents=True, exist_ok=True)
    key = directory.parent / f"{name}.key"
    key.write_text(KEY)
    key.chmod(0o600)
    path = directory / f"{name}.yaml"
    more = "".join(f"  {field}: {value}\n" for field, value in spec.items())
    path.write_text(
        f"apiVersion: p42.dev/v1\nkind: Account\nmetadata: {{name: {name}}}\nspec:\n"
        f"  provider: openai-compatible\n  key: file:{key}\n  baseUrl: {url}\n"
        f"  models: [gpt-4o]\n  default: true\n{more}"
    )
    return path


def agent(directory: Path, name: str, persona: str = "You are brief.", **spec: Any) -> Path:
    """A manifest of an agent."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.yaml"
    more = "".join(f"  {field}: {value}\n" for field, value in spec.items())
    path.write_text(
        f"apiVersion: p42.dev/v1\nkind: Agent\nmetadata: {{name: {name}}}\nspec:\n"
        f"  persona: {persona}\n{more}"
    )
    return path
