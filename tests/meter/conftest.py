"""A meter in a home of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.meter.scene import Scene, opened


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def scene(home: Path) -> Iterator[Scene]:
    with opened(home) as scene:
        yield scene
