"""A keychain in memory in the place of the system's, and an age file that opens at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as Nothing

from p42.ai.accounts import refresh
from tests.keys.boxes import Box
from tests.keys.oauth import TokenServer
from tests.keys.tokens import Scene


@pytest.fixture(autouse=True, scope="session")
def _no_loop_by_accident() -> None:
    """looptime asks for the current loop in every test; asked for, an unset one is made, leaked."""
    asyncio.set_event_loop(None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def box() -> Iterator[Box]:
    before = keyring.get_keyring()
    made = Box()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture
def no_keychain() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(Nothing())
    yield
    keyring.set_keyring(before)


@pytest.fixture
async def scene(home: Path, box: Box, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(refresh, "FIRST_REST", 0.01)
    async with TokenServer() as server:
        yield Scene(home, server, box)
