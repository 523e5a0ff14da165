"""A home, and a directory with one manifest in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.write import scene


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "manifests" / "greet.yaml"
    path.parent.mkdir()
    path.write_text(scene.manifest())
    return path
