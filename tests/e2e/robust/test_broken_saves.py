"""A broken file is not a deleted file: also not after a restart, and it is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.robust.box import Box
from tests.e2e.robust.texts import agent, command, joined, save

WITHIN = 1.0  # s from the save to the report, as the issue asks; here beside other work
LEEWAY = 4.0  # s more on a machine that runs other tests too

BROKEN = {
    "not-yaml": (command("one") + "  oops: [\n", 7),
    "unknown-field": (command("one").replace("source:", "sauce:"), 5),
    "wrong-type": (command("one").replace("source: |\n    echo one", "source: 42"), 5),
    "cut-in-the-header": ("apiVersion: p42.dev/v1\nkind: Comm", 2),
    "conflict-markers": (command("one") + "<<<<<<< HEAD\n", 7),
}


@pytest.fixture
def file(box: Box) -> Path:
    """One command, forged."""
    path = save(box.manifests / "one.yaml", command("one"))
    save(box.manifests / "two.yaml", command("two"))
    box.apply()
    assert box.runs("one") == "one\n"
    return path


@pytest.mark.parametrize("flaw", BROKEN)
def test_a_broken_save_is_told_with_its_place_and_the_last_good_one_runs_on(
    box: Box, file: Path, flaw: str
) -> None:
    text, line = BROKEN[flaw]
    save(file, text)
    took = box.until(lambda: box.overview()["broken"], "the flaw is told")
    assert took < WITHIN + LEEWAY
    status = box("get", "status")
    assert status.code == 2
    found = [(f["file"], f["line"]) for f in box.overview()["broken"] if f["column"] >= 1]
    assert (str(file), line) in found
    assert f"one.yaml:{line}:" in status.out + status.err
    assert box.runs("one") == "one\n"
    assert box.item("one")["reason"] == "Invalid"
    box.restart(dead=flaw == "not-yaml")
    box.until(lambda: box.item("one").get("reason") == "Invalid", "told after a restart")
    assert box.runs("one") == "one\n"
    assert ("one", "RemoveFile") not in box.acts()
    save(file, command("one", "echo mended"))
    box.settled("one", "two")
    assert box.runs("one") == "mended\n"


def test_an_apply_of_a_followed_source_with_a_flaw_exits_3_and_applies_the_rest(
    box: Box, file: Path
) -> None:
    save(file, command("one").replace("source", "sauce"))
    save(box.manifests / "three.yaml", command("three"))
    said = box("apply", "-f", str(box.manifests))
    assert said.code == 3
    assert "one.yaml:5:3: error" in said.err
    assert "did you mean" in said.err
    assert box.runs("three") == "three\n"
    assert box.runs("one") == "one\n"


def test_two_documents_of_one_name_name_each_other_and_nothing_is_torn_down(
    box: Box, file: Path
) -> None:
    other = save(box.manifests / "other.yaml", command("one", "echo usurper"))
    box.until(lambda: len(box.overview()["broken"]) == 2, "both are broken")
    for found, else_ in zip(box.overview()["broken"], (other, file), strict=True):
        assert str(else_) in found["message"]
    assert box.runs("one") == "one\n"
    box.restart(dead=True)
    box.until(lambda: len(box.overview()["broken"]) == 2, "both are broken after a restart")
    assert box.runs("one") == "one\n"
    file.unlink()
    box.settled("one", "two")
    assert box.runs("one") == "usurper\n"
    assert ("one", "RemoveFile") not in box.acts()


def test_a_broken_document_does_not_hold_up_its_neighbours_in_the_file(box: Box) -> None:
    path = save(box.manifests / "all.yaml", joined(command("one"), agent("muse"), command("two")))
    box.apply()
    broken = agent("muse", temperatur=1)
    save(path, joined(command("one", "echo new"), broken, command("two")))
    box.until(lambda: box.runs("one") == "new\n", "the neighbour is applied")
    assert box.item("muse")["reason"] == "Invalid"
    (found,) = box.overview()["broken"]
    assert "temperature" in found["suggestion"]
    assert box.runs("two") == "two\n"
