"""Real files, processes and locks in a real directory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from p42.model.ports import Processes
from p42.runtimes.disk.files import DiskFiles
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.keeping.processes import KeeperProcesses
from p42.runtimes.processes import LocalProcesses


@pytest.fixture(autouse=True, scope="session")
def _no_loop_by_accident() -> None:
    """looptime asks for the current loop in every test; asked for, an unset one is made, leaked."""
    asyncio.set_event_loop(None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    return made


@pytest.fixture
def files(home: Path) -> DiskFiles:
    return DiskFiles(home, path=os.environ["PATH"])


@pytest.fixture(params=["local", "keeper"])
async def processes(request: pytest.FixtureRequest, home: Path) -> AsyncIterator[Processes]:
    """Both adapters of the Processes port: one contract."""
    if request.param == "local":
        yield LocalProcesses(os.environ, home=home)
        return
    link = KeeperLink(home / "run", grace=5.0)
    made = KeeperProcesses(os.environ, home=home, link=link)
    running = asyncio.ensure_future(link.run())
    assert await link.ready(10)
    yield made
    await link.end()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
