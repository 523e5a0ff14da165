"""A fresh box for each test, and nothing of it left over afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.robust.box import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """Empty home, empty manifests, no daemon."""
    made = Box(tmp_path)
    yield made
    made.close()
