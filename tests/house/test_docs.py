"""Undocumented means red, and a page that names what is not there does too."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from p42.cli.book import COMMANDS
from p42.model.reasons import REASONS
from tests.e2e.console import FENCE
from tests.house.tree import ROOT, files, short

PAGES = [path for path in files() if path.suffix == ".md"]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s#]+)(?:#[\w-]*)?\)")
FILE = re.compile(r"`(?P<name>(?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml))`")
ROOMS = ROOT / "controller/p42"


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = [match["target"] for match in LINK.finditer(text)]
    dead = [
        target
        for target in targets
        if not target.startswith(("http://", "https://", "mailto:"))
        and not (page.parent / target).exists()
    ]
    assert dead == []


def test_every_file_the_tour_walks_through_is_there() -> None:
    text = (ROOT / "docs/tour.md").read_text(encoding="utf-8")
    named = {match["name"] for match in FILE.finditer(text)}
    assert len(named) > 30, "the tour names its files in backquotes, by their path in the package"
    missing = {name for name in named if not (ROOMS / name).exists() and not (ROOT / name).exists()}
    assert missing == set()


def test_the_tour_visits_every_room() -> None:
    text = (ROOT / "docs/tour.md").read_text(encoding="utf-8")
    rooms = {p.stem for p in ROOMS.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    rooms -= {"__init__", "__main__"}
    assert {
        room for room in rooms if f"`{room}/" not in text and f"`{room}.py`" not in text
    } == set()


def test_the_generated_pages_are_fresh() -> None:
    check = subprocess.run(
        [sys.executable, ROOT / "docs/pages.py", "--check"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert check.returncode == 0, check.stderr


def test_every_reason_is_documented() -> None:
    text = (ROOT / "docs/reasons.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Z]\w+)` \|", text, re.M)) == set(REASONS)


def test_every_command_of_the_command_line_is_documented() -> None:
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### p42 ([\w-]+)$", text, re.M)) == set(COMMANDS)


def test_make_alone_lists_every_verb_with_a_line() -> None:
    listing = subprocess.run(
        ["make", "-C", ROOT, "--no-print-directory"], capture_output=True, text=True, check=True
    ).stdout
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert [target for target in targets if not re.search(rf"make {target} +\S", listing)] == []
