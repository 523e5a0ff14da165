"""Kept: a write into the file that we displaced is found, and brought to where its owner looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from p42.manifest.write.dotdir import DotDir, short
from p42.manifest.write.exchange import swap
from p42.manifest.write.kept import KeptFiles
from p42.manifest.write.probe import Ability
from p42.manifest.write.stage import Staged, read_base, stage
from p42.manifest.write.verdict import Pace
from tests.write import scene

NO_LEASE = Ability(False, True)


class Desk:
    """One manifest and the files that writes to it displaced."""

    def __init__(self, file: Path, *, keep: float = 60.0) -> None:
        self.file, self.told = file, list[str]()
        self.kept = KeptFiles(Pace(keep=keep), lambda path, what: self.told.append(what))
        self.dot = DotDir(str(file.parent))

    def write(self, text: str) -> Staged:
        staged = stage(self.dot, read_base(str(self.file)), text.encode())
        swap(staged, NO_LEASE)
        self.kept.add(staged, leased=False)
        return staged


@pytest.fixture
def desk(file: Path) -> Desk:
    return Desk(file)


def test_a_late_write_goes_back_to_its_file(desk: Desk) -> None:
    with desk.file.open("r+") as late:
        desk.write("ours\n")
        late.truncate()
        late.write("late, ")
        late.flush()
        desk.kept.look()
        assert desk.file.read_text() == "late, "
        late.write("and later\n")  # it goes on writing into the same file
    assert desk.file.read_text() == "late, and later\n"
    assert desk.told == ["a save that came late was put back"]


def test_a_late_write_goes_back_over_several_of_our_writes(desk: Desk) -> None:
    with desk.file.open("a") as late:
        desk.write("ours\n")
        desk.write("ours again\n")
        late.write("late\n")
    desk.kept.look()
    assert desk.file.read_text() == scene.manifest() + "late\n"


def test_a_late_write_never_covers_a_newer_save(desk: Desk) -> None:
    with desk.file.open("a") as late:
        desk.write("ours\n")
        desk.file.write_text("a newer save\n")
        late.write("late\n")
    desk.kept.look()
    assert desk.file.read_text() == "a newer save\n"
    conflict = desk.file.with_name("greet.yaml.p42-conflict")
    assert conflict.read_text() == scene.manifest() + "late\n"
    assert desk.told == ["a save that came late is kept in greet.yaml.p42-conflict"]


def test_a_conflict_never_covers_another(desk: Desk) -> None:
    for number in range(2):
        with desk.file.open("a") as late:
            desk.write(f"ours {number}\n")
            desk.file.write_text(f"newer {number}\n")
            late.write(f"late {number}\n")
        desk.kept.look()
    names = sorted(path.name for path in desk.file.parent.glob("*conflict*"))
    assert names == ["greet.yaml.p42-conflict", "greet.yaml.p42-conflict-2"]


def test_an_untouched_file_is_dropped_when_its_time_is_over(file: Path) -> None:
    desk = Desk(file, keep=0.0)
    desk.write("ours\n")
    assert desk.kept.look() is None
    assert not scene.left_in(file.parent)


def test_a_file_that_somebody_has_open_is_kept_longer(file: Path) -> None:
    desk = Desk(file, keep=0.0)
    with file.open():
        desk.write("ours\n")
        assert desk.kept.look() is not None
        assert scene.left_in(file.parent)


def leftover(file: Path, base: str, new: str, content: str) -> None:
    dot = DotDir(str(file.parent))
    dot.make()
    Path(dot.aside(file.name, base.encode(), new.encode())).write_text(content)


@pytest.mark.parametrize(
    ("there", "left", "after", "conflict"),
    [
        ("old", "new", "old", None),  # before the exchange
        ("new", "old", "new", None),  # after it
        ("new", "saved", "saved", None),  # a save came out, and was not put back yet
        ("newer", "saved", "newer", "saved"),  # and then there was another
        ("saved", "saved", "saved", None),
        ("old", "", "old", None),  # what a power cut leaves
        ("old", "\0\0\0", "old", None),
        (None, "saved", None, "saved"),
    ],
)
def test_a_crash_is_made_good_at_the_next_start(
    file: Path, there: str | None, left: str, after: str | None, conflict: str | None
) -> None:
    leftover(file, "old", "new", left)
    (file.parent / ".p42" / "new-0123456789").write_text("half a sta")
    file.unlink() if there is None else file.write_text(there)
    desk = Desk(file, keep=0.0)
    desk.kept.recover(desk.dot)
    desk.kept.look()
    assert (file.read_text() if file.exists() else None) == after
    found = file.with_name("greet.yaml.p42-conflict")
    assert (found.read_text() if found.exists() else None) == conflict
    assert not scene.left_in(file.parent)


def test_names_of_displaced_files_survive_any_manifest_name(file: Path) -> None:
    odd = file.with_name("a-b--c d-é.yaml")
    file.rename(odd)
    leftover(odd, "old", "new", "saved")
    odd.write_text("new")
    desk = Desk(odd, keep=0.0)
    desk.kept.recover(desk.dot)
    assert odd.read_text() == "saved"
    assert short(b"x") == short(b"x") != short(b"y")


def test_what_a_stop_had_no_time_to_drop_is_dropped_by_the_next_start(desk: Desk) -> None:
    staged = desk.write("ours\n")
    desk.kept.close(until=0.0)
    assert Path(staged.aside).exists()
    KeptFiles(Pace(), lambda path, what: None).recover(desk.dot)
    assert not Path(staged.aside).exists()
    assert desk.file.read_text() == "ours\n"
