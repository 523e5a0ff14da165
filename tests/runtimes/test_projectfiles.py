"""What a project says of itself is read from its own files, and from nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p42.model.errors import Blocked
from p42.runtimes.projectfiles import LARGEST, first_of, instructions, within


async def test_instructions_are_agents_md_and_else_claude_md(tmp_path: Path) -> None:
    (tmp_path / "CLAUDE.md").write_text("Use spaces.\n")
    said = await instructions(str(tmp_path))
    assert said == f"What CLAUDE.md of the project in {tmp_path} says:\n\nUse spaces."
    (tmp_path / "AGENTS.md").write_text("Use tabs.\n")
    assert (await instructions(str(tmp_path))).endswith("\n\nUse tabs.")


async def test_instructions_that_are_not_there_are_told_and_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text(" \n")
    with pytest.raises(Blocked, match=f"projectPath: {tmp_path} has no AGENTS.md or CLAUDE.md"):
        await instructions(str(tmp_path))


def test_a_link_that_leads_out_of_the_project_is_no_file_of_it(tmp_path: Path) -> None:
    project = tmp_path / "garden"
    project.mkdir()
    (tmp_path / "key").write_text("s3cr3t")
    (project / "docs.md").write_text("Use tabs.")
    (project / "AGENTS.md").symlink_to("../key")
    (project / "CLAUDE.md").symlink_to("docs.md")
    assert within(project / "AGENTS.md") is None
    assert first_of(project, ("AGENTS.md", "CLAUDE.md")) == ("CLAUDE.md", "Use tabs.")


def test_what_is_no_readable_file_is_not_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    for name in ("pipe", "circle", ".", "nothing", "a\0b"):
        assert within(tmp_path / name) is None


def test_a_file_that_is_cut_says_so(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("x" * (LARGEST + 1))
    _, text = first_of(tmp_path, ("README",))
    assert text == "x" * LARGEST + "\n[cut here: the file is longer]"
