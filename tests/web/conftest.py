"""An open door for a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.doors import Opened, opened


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path / "home") as there:
        yield there
