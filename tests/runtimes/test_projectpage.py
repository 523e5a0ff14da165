"""A companion is told its project's README, AGENTS.md and recent commits, within bounds."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from p42.runtimes.processes import LocalProcesses
from p42.runtimes.projectpage import INTRO, ProjectPages, shares, told

KEY = b"nobody knows"
FENCE = re.compile(r"^\[(\w+) README.md\]$", re.M)


def pages(home: Path, now: list[float]) -> ProjectPages:
    return ProjectPages(LocalProcesses(os.environ, home=home), now=lambda: now[0])


def repository(directory: Path) -> list[str]:
    """With one commit; the beginning of a git command in it."""
    directory.mkdir()
    (directory / "README.md").write_text("# Tea\n\nBrews tea.\n")
    (directory / "AGENTS.md").write_text("Use tabs.\n")
    git = ["git", "-C", str(directory), "-c", "user.name=A", "-c", "user.email=a@b.invalid"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "tea: Boil water first"], check=True)
    return git


async def test_a_page_has_readme_agents_and_commits(tmp_path: Path) -> None:
    repository(tmp_path / "tea")
    page = await pages(tmp_path, [0.0]).page(tmp_path / "tea")
    assert page.startswith(INTRO.partition("{")[0])
    assert " README.md]\n# Tea" in page
    assert " AGENTS.md]\nUse tabs." in page
    assert "tea: Boil water first" in page


async def test_a_project_within_a_repository_has_the_commits_that_touch_it(tmp_path: Path) -> None:
    """A monorepo: the project's directory holds no .git, and once there was no log then."""
    git = repository(tmp_path / "mono")
    for name in ("tea", "coffee", "new"):
        (tmp_path / "mono" / name).mkdir()
    for name in ("tea", "coffee"):
        (tmp_path / "mono" / name / "a").write_text("a")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", f"{name}: Begin"], check=True)
    kept = pages(tmp_path, [0.0])
    page = await kept.page(tmp_path / "mono" / "tea")
    assert "tea: Begin" in page
    assert "coffee: Begin" not in page
    assert "Boil water" not in page
    assert await kept.page(tmp_path / "mono" / "new") == ""
    whole = await kept.page(tmp_path / "mono")
    assert all(words in whole for words in ("tea: Begin", "coffee: Begin", "Boil water"))


async def test_a_directory_in_no_repository_has_no_log(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("Brews tea.")
    page = await pages(tmp_path, [0.0]).page(tmp_path)
    assert "git log" not in page
    assert "fatal" not in page


async def test_a_bare_repository_within_a_project_is_not_asked(tmp_path: Path) -> None:
    """Its files are a repository's own configuration, and may have come with any clone."""
    git = repository(tmp_path / "tea")
    bare = tmp_path / "bare"
    subprocess.run([*git, "clone", "-q", "--bare", str(tmp_path / "tea"), str(bare)], check=True)
    assert await pages(tmp_path, [0.0]).page(bare) == ""


async def test_a_repositorys_own_configuration_changes_no_log(tmp_path: Path) -> None:
    git = repository(tmp_path / "tea")
    for key, value in (("log.follow", "true"), ("core.fsmonitor", f"touch {tmp_path}/ran; false")):
        subprocess.run([*git, "config", key, value], check=True)
    assert "Boil water" in await pages(tmp_path, [0.0]).page(tmp_path / "tea")
    assert not (tmp_path / "ran").exists()


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
    page = told([("README.md", "line\n" * 1000), ("AGENTS.md", "short")], 300, key=KEY)
    assert len(page) < 700
    assert "line\n[...]\n[" in page
    assert " AGENTS.md]\nshort\n" in page


def test_a_small_part_leaves_its_room_to_the_large_ones_wherever_it_stands() -> None:
    """100 kB of README beside one line of AGENTS.md had 1,877 of 4,500 characters."""
    parts = [("README.md", "x" * 100_000), ("AGENTS.md", "Use tabs."), ("git log", "c\n" * 60)]
    page = told(parts, 4500, key=KEY)
    assert page.count("x") > 4300
    assert "Use tabs." in page
    assert page.count("c\n") >= 60


@given(st.lists(st.integers(0, 10_000), max_size=6), st.integers(0, 5000))
def test_shares_waste_nothing_and_never_exceed_the_room(sizes: list[int], room: int) -> None:
    found = shares(sizes, room)
    assert sum(found) <= room
    assert all(0 <= share <= size for share, size in zip(found, sizes, strict=True))
    wanting = [s for s, size in zip(found, sizes, strict=True) if s < size]
    assert not wanting or sum(found) > room - len(sizes)
    assert not wanting or min(wanting) >= max(found) - len(sizes)


@given(st.text(max_size=300), st.integers(0, 200))
def test_a_page_is_bounded_in_bytes(text: str, room: int) -> None:
    """A character of Japanese is a token or more, and three bytes."""
    page = told([("README.md", text)], room, key=KEY)
    assert len(page.encode()) <= len(told([("README.md", "")], 0, key=KEY)) + max(room, 6)


@given(st.text(max_size=300))
def test_no_text_holds_its_own_fence(text: str) -> None:
    page = told([("README.md", text), ("AGENTS.md", text)], 4500, key=KEY)
    code = FENCE.findall(page)[0]
    assert page.count(code) == 5  # the introduction, and two fences of two lines


def test_the_same_page_is_the_same_text_and_another_has_another_fence() -> None:
    """A local model reads 1,500 tokens in seconds: what stays the same it need not read again."""
    one, two = ([("README.md", text)] for text in ("one", "two"))
    assert told(one, 99, key=KEY) == told(one, 99, key=KEY)
    pages = [told(parts, 99, key=key) for parts in (one, two) for key in (KEY, b"k")]
    assert len({FENCE.findall(page)[0] for page in pages}) == 4
