"""What README and docs/ tell their readers to do works, on a fresh clone and a fresh home."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.checkout import changes, checkout
from tests.e2e.console import blocks
from tests.e2e.scene import Scene
from tests.house.tree import ROOT, files, short

PAGES = [
    path
    for path in files()
    if path.suffix == ".md"
    and not path.is_relative_to(ROOT / "examples")
    and any(block.lang == "console" for block in blocks(path))
]


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_a_page_shows_what_happens(page: Path, tmp_path: Path) -> None:
    clone = tmp_path / "work"
    checkout(clone)
    with Scene(tmp_path) as scene:
        scene.play(page, blocks(page))


def test_the_readme_is_one_of_them() -> None:
    assert ROOT / "README.md" in PAGES


@pytest.mark.parametrize("page", [p for p in files() if p.suffix == ".md"], ids=short)
def test_no_block_is_shown_that_nobody_runs(page: Path) -> None:
    """A picture has no language; yaml and json stand in a file or are shown beside one."""
    shown = {block.lang for block in blocks(page)}
    assert shown <= {"", "console", "yaml", "json"}


def test_make_run_leaves_the_clone_as_it_was(tmp_path: Path) -> None:
    clone = tmp_path / "work"
    checkout(clone)
    with Scene(tmp_path) as scene:
        for _ in range(2):  # a second run finds everything there
            run = scene.sh("make run")
            assert run.code == 0, run.output
            assert "git-haiku" in run.output
        assert scene.sh("p42 get status").code in (0, 2)
        assert changes(clone) == ""
        assert scene.sh("make stop").code == 0
    assert changes(clone) == ""
