"""A companion is told its project's README, AGENTS.md and recent commits, within bounds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from p42.runtimes.processes import LocalProcesses
from p42.runtimes.projectpage import INTRO, ProjectPages, told


def pages(home: Path, now: list[float]) -> ProjectPages:
    return ProjectPages(LocalProcesses(os.environ, home=home), now=lambda: now[0])


def repository(directory: Path) -> None:
    directory.mkdir()
    (directory / "README.md").write_text("# Tea\n\nBrews tea.\n")
    (directory / "AGENTS.md").write_text("Use tabs.\n")
    git = ["git", "-C", str(directory), "-c", "user.name=A", "-c", "user.email=a@b.invalid"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "tea: Boil water first"], check=True)


async def test_a_page_has_readme_agents_and_commits(tmp_path: Path) -> None:
    repository(tmp_path / "tea")
    page = await pages(tmp_path, [0.0]).page(tmp_path / "tea")
    assert page.startswith(INTRO)
    assert "<README.md>\n# Tea" in page
    assert "<AGENTS.md>\nUse tabs." in page
    assert "tea: Boil water first" in page


async def test_it_is_kept_for_a_moment_and_then_read_again(tmp_path: Path) -> None:
    now = [0.0]
    kept = pages(tmp_path, now)
    (tmp_path / "README").write_text("one")
    first = await kept.page(tmp_path)
    (tmp_path / "README").write_text("two")
    assert await kept.page(tmp_path) == first
    now[0] = 31
    assert "two" in await kept.page(tmp_path)


async def test_nothing_there_tells_nothing(tmp_path: Path) -> None:
    assert await pages(tmp_path, [0.0]).page(tmp_path / "nowhere") == ""


def test_what_is_long_is_cut_at_a_line_and_says_so() -> None:
    page = told([("README.md", "line\n" * 1000), ("AGENTS.md", "short")], 300)
    assert len(page) < 450
    assert "line\n[...]" in page
    assert "<AGENTS.md>\nshort" in page
