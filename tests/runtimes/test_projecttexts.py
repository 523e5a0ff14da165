"""What a project's files say is text, under whatever name's case; what is no text is not told."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.model.errors import Blocked
from p42.runtimes.disk.files import DiskFiles
from p42.runtimes.projectfiles import LARGEST, first_of, instructions, text_of

NAMES = ("README.md", "README")


def noise(size: int, *, least: int) -> bytes:
    drawn = random.Random(42)
    return bytes(drawn.randrange(least, 256) for _ in range(size))


NO_TEXT = {
    "3,000 random bytes": noise(3000, least=0),
    "random bytes without a NUL": noise(3000, least=1),
    "a NUL in a text": b"# Tea\n\nBrews\0tea.\n" * 20,
    "UTF-16 without a mark": "# Tea\n".encode("utf-16-le"),
    "a NUL in UTF-16": "# T\0\n".encode("utf-16"),
    "Cyrillic of another day": "Чай заваривают горячей водой".encode("koi8-r"),
    "control characters": b"\x1b\x02\x03\x07" * 30 + b"Tea",
}
TEXT = {
    "UTF-8": ("# Täe 茶\n".encode(), "# Täe 茶"),
    "UTF-8 with a mark": ("\ufeff# Tea\n".encode(), "# Tea"),
    "UTF-16 with a mark": ("# Täe 茶\r\n".encode("utf-16"), "# Täe 茶"),
    "UTF-16, big end first": (b"\xfe\xff" + "# Tea\n".encode("utf-16-be"), "# Tea"),
    "UTF-32 with a mark": ("# Tea\n".encode("utf-32"), "# Tea"),
    "Latin-1, an umlaut": (b"# T\xe4e\n\nBrews tea.\n", "# T\ufffde\n\nBrews tea."),
    "colours": (b"\x1b[1mTea\x1b[0m is brewed.", "\x1b[1mTea\x1b[0m is brewed."),
    "empty": (b"", ""),
}


@pytest.mark.parametrize("case", NO_TEXT)
def test_what_is_no_text_is_left_out(case: str, tmp_path: Path) -> None:
    """A binary README once went to the model as U+FFFD, NUL and control characters."""
    (tmp_path / "README.md").write_bytes(NO_TEXT[case])
    assert first_of(tmp_path, NAMES) == ("", "")
    (tmp_path / "README").write_text("Brews tea.")
    assert first_of(tmp_path, NAMES) == ("README", "Brews tea.")


@pytest.mark.parametrize("case", TEXT)
def test_what_is_text_is_read_by_its_mark(case: str) -> None:
    data, text = TEXT[case]
    assert text_of(data) == text


def test_a_text_that_is_cut_in_the_middle_of_a_character_is_text(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("x" + "茶" * LARGEST, encoding="utf-8")
    _, text = first_of(tmp_path, NAMES)
    assert text.startswith("x茶茶")
    assert text.endswith("\n[cut here: the file is longer]")


@given(st.binary(max_size=300))
def test_no_nul_is_ever_told(data: bytes) -> None:
    assert "\0" not in text_of(data)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300))
def test_a_text_is_told_whole(text: str) -> None:
    wanted = text.removeprefix("\ufeff").strip()
    assert text_of(text.encode()) == wanted or wanted.count("\ufffd") * 4 > len(wanted)


@pytest.mark.parametrize("name", ["readme.md", "ReadMe.MD", "README.MD"])
def test_a_name_is_found_in_any_case(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("Brews tea.")
    assert first_of(tmp_path, NAMES) == (name, "Brews tea.")


def test_the_exact_name_comes_first_then_the_first_of_the_alphabet(tmp_path: Path) -> None:
    for name in ("readme.md", "Readme.md", "README", "README.md"):
        (tmp_path / name).write_text(f"of {name}")
    if len(list(tmp_path.iterdir())) < 4:
        pytest.skip("not proven: this disk knows no case")
    found = []
    for _ in range(4):
        name, text = first_of(tmp_path, NAMES)
        assert text == f"of {name}"
        found.append(name)
        (tmp_path / name).unlink()
    assert found == ["README.md", "Readme.md", "readme.md", "README"]


def test_an_exact_name_that_says_nothing_leaves_the_word_to_another(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(" \n")
    (tmp_path / "Readme.md").write_text("Brews tea.")
    assert first_of(tmp_path, NAMES)[1] == "Brews tea."


def test_a_link_in_another_case_leads_nowhere_else_either(tmp_path: Path) -> None:
    project = tmp_path / "garden"
    project.mkdir()
    (tmp_path / "key").write_text("s3cr3t")
    (project / "readme.md").symlink_to("../key")
    assert first_of(project, NAMES) == ("", "")


async def test_agents_md_in_another_case_is_read_and_looked_for_alike(tmp_path: Path) -> None:
    """What `projectPath` names is looked at by the agent's kind and read by its talks."""
    files = DiskFiles(tmp_path, path="")
    assert not files.reads(tmp_path / "AGENTS.md")
    (tmp_path / "agents.md").write_text("Use tabs.")
    (tmp_path / "CLAUDE.md").write_text("Use spaces.")
    assert files.reads(tmp_path / "AGENTS.md")
    said = await instructions(str(tmp_path))
    assert said == f"What agents.md of the project in {tmp_path} says:\n\nUse tabs."


async def test_instructions_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_bytes(noise(3000, least=0))
    with pytest.raises(Blocked, match=r"has no AGENTS\.md or CLAUDE\.md"):
        await instructions(str(tmp_path))
