"""What is known of a directory, and which files in its `.p42/` are the writer's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from p42.manifest.write.directories import Directories
from p42.manifest.write.dotdir import DotDir, directory_of
from p42.manifest.write.kept import KeptFiles
from p42.manifest.write.verdict import Pace
from p42.model.refs import Ref

HELLO, BYE = Ref("Command", "hello"), Ref("Command", "bye")


@pytest.fixture
def directories(home: Path) -> Directories:
    return Directories(str(home), KeptFiles(Pace(), lambda path, what: None))


def test_only_the_writers_own_files_are_left_over(file: Path) -> None:
    dot = DotDir(str(file.parent))
    dot.make()
    ours = [dot.fresh(), dot.aside("greet.yaml", b"base", b"new"), dot.aside("x-y", b"", b"")]
    theirs = ["new-repo.yaml.previous", "swap-disks.yaml.aside", "new-deadbeef1.yaml.previous",
              "7-1.swap", "lock"]  # fmt: skip
    for path in [*ours, *(f"{dot.path}/{name}" for name in theirs)]:
        Path(path).touch()
    assert sorted(dot.leftovers()) == sorted(ours)


def test_a_recovery_leaves_the_version_before_where_it_is(
    home: Path, file: Path, directories: Directories
) -> None:
    directories.claim(str(file.parent))
    previous = file.parent / ".p42" / "new-repo.yaml.previous"
    previous.write_text("what the last version replaced\n")
    Directories(str(home), KeptFiles(Pace(), lambda path, what: None)).meet(str(file.parent))
    assert previous.read_text() == "what the last version replaced\n"


def test_a_file_in_the_root_directory_lies_in_the_root_directory(directories: Directories) -> None:
    assert directories.real("/greet.yaml") == "/greet.yaml"
    assert directory_of("/greet.yaml") == "/"
    assert directory_of("/tmp/greet.yaml") == "/tmp"


def test_links_to_one_directory_are_one_directory(
    file: Path, tmp_path: Path, directories: Directories
) -> None:
    link = tmp_path / "link"
    link.symlink_to(file.parent)
    assert directories.real(str(link / file.name)) == str(file.resolve())


def test_p42_goes_from_a_directory_with_its_last_status(
    file: Path, directories: Directories
) -> None:
    directory = str(file.parent)
    directories.claim(directory)
    for ref in (HELLO, BYE):
        directories.note(directory, ref, there=True)
    directories.note(directory, HELLO, there=False)
    directories.tidy()
    assert (file.parent / ".p42").is_dir()
    directories.note(directory, BYE, there=False)
    directories.tidy()
    assert not (file.parent / ".p42").exists()
