"""The journal of messages takes whatever was said, and no record costs another or the daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from p42.model.refs import Ref
from p42.runtimes.clock import SystemClock
from p42.runtimes.messages import Messages

TEA, MILK = Ref("ProjectCI", "tea"), Ref("ProjectCI", "milk")


async def test_half_a_character_is_kept_readable(tmp_path: Path) -> None:
    """It came over a project's port and ended the daemon."""
    messages = Messages(tmp_path, SystemClock())
    messages.said(TEA, "please echo \ud800 x", "ü \udfff")
    await messages.flush()
    kept = messages.recent(TEA, 5)
    assert [(each["asked"], each["answered"]) for each in kept] == [
        ("please echo \\ud800 x", "ü \\udfff")
    ]
    assert orjson.dumps(kept)  # `describe` shows them: what is told has to be text


async def test_a_record_that_cannot_be_written_costs_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    messages = Messages(tmp_path, SystemClock())
    (tmp_path / "logs" / "messages" / "projectci-tea.jsonl").mkdir(parents=True)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(messages.run())
        for ref in (TEA, Ref("ProjectCI", "a\0b"), MILK):
            messages.said(ref, "hello", "hi")
        while not messages.recent(MILK, 1):
            await asyncio.sleep(0.01)
        messages.said(MILK, "again", "yes")
        while len(messages.recent(MILK, 9)) < 2:
            await asyncio.sleep(0.01)
        running.cancel()
    assert "ProjectCI/tea" in caplog.text


async def test_half_a_line_hides_no_other(tmp_path: Path) -> None:
    """A full disk may have cut it anywhere."""
    messages = Messages(tmp_path, SystemClock())
    for text in ("one", "t\u2028w\no"):
        messages.said(TEA, text, "")
        await messages.flush()
        with messages.path(TEA).open("a") as file:
            file.write('{"at": {}\n[1]\n')
    assert [each["asked"] for each in messages.recent(TEA, 9)] == ["one", "t\u2028w\no"]
