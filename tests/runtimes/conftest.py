"""Real files, processes and locks in a real directory."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from p42.runtimes.files import DiskFiles
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


@pytest.fixture
def processes(home: Path) -> LocalProcesses:
    return LocalProcesses(os.environ, home=home)
