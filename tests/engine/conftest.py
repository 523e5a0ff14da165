"""Fixtures of the engine's tests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.engine.home import Home


@pytest.fixture(autouse=True, scope="session")
def _no_loop_by_accident() -> None:
    """looptime asks for the current loop in every test; asked for, an unset one is made, leaked."""
    asyncio.set_event_loop(None)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with an empty, not yet followed source."""
    return Home(tmp_path)
