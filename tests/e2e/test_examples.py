"""Every example does what its README says, on a fresh home with a real daemon."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.console import blocks
from tests.e2e.scene import Scene

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/README.md"))
NEEDS = re.compile(r"<!-- needs: (?P<program>[\w-]+) -->")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_does_what_its_readme_says(example: Path, tmp_path: Path) -> None:
    page = example / "README.md"
    need = NEEDS.search(page.read_text(encoding="utf-8"))
    if need and not shutil.which(need["program"]):
        pytest.skip(f"{need['program']} is not installed, and the example is about it")
    with Scene(tmp_path) as scene:
        shutil.copytree(ROOT / "examples", scene.work / "examples")
        shutil.copytree(ROOT / "schemas", scene.work / "schemas")
        scene.play(page, blocks(page))


def test_every_example_has_a_readme_and_the_numbers_have_no_gap() -> None:
    folders = sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_dir())
    assert folders == [example.name for example in EXAMPLES]
    assert [int(name[:2]) for name in folders] == list(range(1, len(folders) + 1))
