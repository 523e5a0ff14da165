"""Fixtures of the approvals' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with an empty, not yet followed source."""
    return Home(tmp_path)
