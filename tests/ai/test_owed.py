"""What an answer cost is owed while the disk refuses it; the answer is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.ai.scene import scene, spec
from tests.ai.test_health import known, until
from tests.providers.vendors import AnthropicServer, Status


async def test_an_answer_is_told_though_the_disk_refuses_its_bill_and_the_account_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p42.stores.meter.queue.RETRY", 0.01)
    full = asyncio.Event()

    class Full(AnthropicServer):
        """The disk is full by the time the answer is there."""

        def refusal(self, seen: Any) -> Status | None:
            if seen.method == "POST":
                there.database.connection().execute("PRAGMA query_only = 1")
                full.set()
            return None

    async with Full() as server, scene(tmp_path, main=spec(server)) as there:
        assert (await known(there, spec(server))).reason == ""
        told = await there.ask()
        assert full.is_set()
        assert told.answer is not None
        assert told.answer.cost == 105
        health = await until(there, spec(server), lambda health: bool(health.reason))
        assert health.reason in ("Retry", "Blocked")
        assert "what a call cost cannot be written" in health.message
        assert "state.db" in health.message
        there.database.connection().execute("PRAGMA query_only = 0")
        assert (await until(there, spec(server), lambda health: not health.reason)).reason == ""
        assert [cost for _, _, cost in await there.journal()] == [105]
