"""Moving, splitting and checking out are no deletions: what a name is called is what counts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.robust.box import Box
from tests.e2e.robust.texts import agent, command, joined, save

GONE = {"RemoveFile", "Unclaim", "Deregister", "Deleted"}
PAIR = joined(command("one"), agent("muse"), command("two"))


def torn_down(box: Box) -> set[tuple[str, str]]:
    return {(name, reason) for name, reason in box.acts() if reason in GONE}


def at(box: Box, name: str) -> str:
    """Where `get status` says that a name stands."""
    return Path(box.item(name).get("file", "")).name


@pytest.fixture
def pair(box: Box) -> Path:
    path = save(box.manifests / "pair.yaml", PAIR)
    save(box.manifests / "other.yaml", command("other"))
    box.apply()
    box.settled("one", "two", "muse", "other")
    return path


@pytest.mark.parametrize("dead", [False, True], ids=["running", "over-a-restart"])
def test_a_file_moved_to_another_name_is_no_deletion(box: Box, pair: Path, dead: bool) -> None:
    if dead:
        box.kill()
    (box.manifests / "deep").mkdir()
    pair.rename(box.manifests / "deep" / "moved.yaml")
    if dead:
        box.serve()
    box.until(lambda: at(box, "one") == "moved.yaml", "found where it went")
    box.settled("one", "two", "muse", "other")
    assert torn_down(box) == set()


@pytest.mark.parametrize("dead", [False, True], ids=["running", "over-a-restart"])
def test_a_file_split_in_two_is_no_deletion(box: Box, pair: Path, dead: bool) -> None:
    if dead:
        box.kill()
    pair.write_text(command("two"))
    save(box.manifests / "first.yaml", joined(command("one", "echo new"), agent("muse")))
    if dead:
        box.serve()
    box.until(lambda: box.runs("one") == "new\n", "the half that moved was edited too")
    box.until(lambda: at(box, "two") == "pair.yaml", "the other half stayed")
    box.settled("one", "two", "muse", "other")
    assert torn_down(box) == set()


def test_a_move_in_two_steps_is_no_deletion(box: Box, pair: Path) -> None:
    """First the copy (each name twice), then the original goes."""
    save(box.manifests / "copy.yaml", PAIR)
    box.until(lambda: len(box.overview()["broken"]) == 6, "each name is there twice")
    pair.unlink()
    box.settled("one", "two", "muse", "other")
    assert at(box, "one") == "copy.yaml"
    assert torn_down(box) == set()


def test_a_document_taken_out_of_a_file_is_deleted_and_its_neighbours_stay(
    box: Box, pair: Path
) -> None:
    pair.write_text(joined(command("one"), command("two")))
    box.settled("one", "two", "other")
    assert torn_down(box) == {("muse", "Deregister"), ("muse", "Deleted")}


def git(box: Box, *argv: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(box.manifests), "-c", "user.name=Ann", "-c", "user.email=a@b.c", *argv],
        capture_output=True, text=True, env=box.env, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def branches(box: Box) -> Box:
    """`main` with eight commands; `lean` with two of them, one of those edited, and one new."""
    git(box, "init", "-q", "-b", "main")
    for name in NAMES:
        save(box.manifests / f"{name}.yaml", command(name))
    git(box, "add", "-A")
    git(box, "commit", "-qm", "eight")
    git(box, "checkout", "-q", "-b", "lean")
    git(box, "rm", "-q", *(f"{name}.yaml" for name in NAMES[2:]))
    save(box.manifests / f"{NAMES[0]}.yaml", command(NAMES[0], "echo edited"))
    save(box.manifests / "fresh.yaml", command("fresh"))
    git(box, "add", "-A")
    git(box, "commit", "-qm", "lean")
    git(box, "checkout", "-q", "main")
    return box


NAMES = [f"c{number}" for number in range(8)]
LEAN = [*NAMES[:2], "fresh"]


@pytest.mark.parametrize("dead", [False, True], ids=["running", "over-a-restart"])
def test_a_checkout_of_other_manifests_settles_once(branches: Box, dead: bool) -> None:
    box = branches.apply()
    box.settled(*NAMES)
    if dead:
        box.stop()
    git(box, "checkout", "-q", "-f", "lean")
    if dead:
        box.serve()
    box.settled(*LEAN)
    assert sorted(p.name for p in box.forged("").glob("[a-z]*")) == sorted(LEAN)
    assert box.runs(NAMES[0]) == "edited\n"
    acts = box.acts()
    assert acts.count((NAMES[0], "WriteFile")) == 2
    assert acts.count(("fresh", "WriteFile")) == 1
    assert acts.count((NAMES[1], "WriteFile")) == 1
    for name in NAMES[2:]:
        assert acts.count((name, "RemoveFile")) == 1
    git(box, "checkout", "-q", "-f", "main")
    box.settled(*NAMES)


def test_status_leaves_git_clean_of_new_files(branches: Box) -> None:
    box = branches.apply()
    box.settled(*NAMES)
    box.stop()
    assert [line for line in git(box, "status", "--porcelain").splitlines() if "??" in line] == []
