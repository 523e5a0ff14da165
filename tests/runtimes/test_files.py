"""Small files on a real disk: whole or not at all, never through a link, faults told."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from p42.model.errors import Blocked
from p42.model.ports import Entry
from p42.runtimes.disk.files import DiskFiles

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # renameat2(2)


def test_what_was_placed_is_there_with_its_mode(files: DiskFiles, home: Path) -> None:
    path = home / "commands" / "hello"
    files.place(path, b"#!/bin/sh\n", mode=0o755)
    assert files.look(path) == Entry("file", 0o755, b"#!/bin/sh\n")
    files.place(path, b"", mode=0o600)
    assert files.look(path) == Entry("file", 0o600, b"")
    assert stat.S_IMODE((home / "commands").stat().st_mode) == 0o700


def test_what_is_not_there_is_none_and_no_error(files: DiskFiles, home: Path) -> None:
    assert files.look(home / "nothing") is None
    assert files.look(home / "no" / "directory") is None
    assert files.names(home / "no") == ()
    files.chmod(home / "nothing", 0o755)
    files.remove(home / "no" / "directory")


def test_every_form_is_told_apart_without_following(files: DiskFiles, home: Path) -> None:
    (home / "directory").mkdir(mode=0o750)
    (home / "link").symlink_to("/etc/passwd")
    os.mkfifo(home / "pipe", 0o600)
    assert files.look(home / "directory") == Entry("directory", 0o750)
    assert files.look(home / "link") == Entry("link", 0o777)
    assert files.look(home / "pipe") == Entry("other", 0o600)


def test_unfinished_files_are_no_names(files: DiskFiles, home: Path) -> None:
    for name in ("b", "a"):
        files.place(home / "commands" / name, b"", mode=0o755)
    assert files.names(home / "commands") == ("a", "b")
    assert (home / "commands" / ".p42" / ".gitignore").read_text() == "*\n"
    assert [path.name for path in (home / "commands" / ".p42").iterdir()] == [".gitignore"]


def test_what_a_dead_p42_left_unfinished_goes_and_that_of_a_living_one_stays(
    files: DiskFiles, home: Path
) -> None:
    spare = home / "commands" / ".p42"
    spare.mkdir(parents=True)
    with subprocess.Popen(["true"]) as dead:
        pass
    gone, kept = spare / f"{dead.pid}-1.part", spare / f"{os.getppid()}-1.part"
    for path in (gone, kept):
        path.touch()
    files.place(home / "commands" / "a", b"", mode=0o755)
    assert not gone.exists()
    assert kept.exists()


def test_a_reader_never_sees_half_of_a_file(files: DiskFiles, home: Path) -> None:
    path, whole = home / "a", [b"x" * 200_000, b"y" * 300_000]
    files.place(path, whole[0], mode=0o644)
    seen: set[bytes] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(200):
        files.place(path, whole[number % 2], mode=0o644)
    stop.set()
    thread.join()
    assert seen <= set(whole)


def test_a_large_file_is_read_up_to_the_limit(files: DiskFiles, home: Path) -> None:
    with (home / "large").open("wb") as stream:
        stream.truncate(5 * 1024 * 1024)
    found = files.look(home / "large")
    assert found is not None
    assert len(found.data) == 4 * 1024 * 1024


def test_a_link_on_the_way_is_a_conflict_and_nothing_is_written_behind_it(
    files: DiskFiles, home: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("untouched")
    (home / "commands").symlink_to(outside)
    for act in (
        lambda: files.place(home / "commands" / "victim", b"x", mode=0o755),
        lambda: files.remove(home / "commands" / "victim"),
        lambda: files.chmod(home / "commands" / "victim", 0o777),
        lambda: files.look(home / "commands" / "victim"),
    ):
        with pytest.raises(Blocked) as caught:
            act()
        assert caught.value.reason == "Conflict"
        assert str(home / "commands") in str(caught.value)
    assert (outside / "victim").read_text() == "untouched"
    assert [path.name for path in outside.iterdir()] == ["victim"]


def test_a_link_at_the_end_is_replaced_removed_and_never_followed(
    files: DiskFiles, home: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    link = home / "link"
    link.symlink_to(victim)
    with pytest.raises(Blocked, match="symbolic link"):
        files.chmod(link, 0o777)
    files.place(link, b"ours", mode=0o644)
    assert files.look(link) == Entry("file", 0o644, b"ours")
    link.unlink()
    link.symlink_to(victim)
    files.remove(link)
    assert files.look(link) is None
    assert victim.read_text() == "untouched"


def test_a_racer_that_swaps_a_directory_for_a_link_gains_nothing(
    files: DiskFiles, home: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    commands, link = home / "commands", home / "link"
    commands.mkdir()
    link.symlink_to(outside)
    exchange = ctypes.CDLL(None).renameat2
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            exchange(AT_FDCWD, bytes(commands), AT_FDCWD, bytes(link), RENAME_EXCHANGE)

    thread = threading.Thread(target=swap)
    thread.start()
    refused = 0
    for number in range(1_000):
        try:
            files.look(commands / "c")
            files.place(commands / f"c{number}", b"x", mode=0o755)
        except Blocked:
            refused += 1
    stop.set()
    thread.join()
    assert list(outside.iterdir()) == []
    assert 0 < refused < 1_000


def test_a_directory_is_never_removed_nor_replaced(files: DiskFiles, home: Path) -> None:
    (home / "directory").mkdir()
    with pytest.raises(Blocked, match="a directory is where a file should be"):
        files.remove(home / "directory")
    with pytest.raises(Blocked, match="a directory is where a file should be"):
        files.place(home / "directory", b"", mode=0o644)
    assert [path.name for path in (home / ".p42").iterdir()] == [".gitignore"]


def test_what_is_set_aside_is_kept_whole_whatever_it_is(files: DiskFiles, home: Path) -> None:
    path, spare = home / "a", home / ".p42"
    path.write_text("first")
    files.set_aside(path)
    path.mkdir()
    (path / "inside").write_text("second")
    files.set_aside(path)
    path.symlink_to("/third")
    files.set_aside(path)
    files.set_aside(path)
    files.set_aside(home / "no" / "directory")
    assert files.look(path) is None
    assert (spare / "a.aside").read_text() == "first"
    assert (spare / "a.aside1" / "inside").read_text() == "second"
    assert (spare / "a.aside2").readlink() == Path("/third")
    assert not (home / "no").exists()


def test_mode_is_mended_on_a_file_nobody_may_open(files: DiskFiles, home: Path) -> None:
    files.place(home / "a", b"x", mode=0o755)
    (home / "a").chmod(0)
    files.chmod(home / "a", 0o755)
    assert stat.S_IMODE((home / "a").stat().st_mode) == 0o755


def test_a_name_that_cannot_be_is_told(files: DiskFiles, home: Path) -> None:
    with pytest.raises(Blocked, match="not a path"):
        files.look(home / "a\0b")
    with pytest.raises(Blocked, match="too long"):
        files.place(home / ("x" * 300), b"", mode=0o644)


def test_the_home_comes_back_when_it_was_deleted(files: DiskFiles, home: Path) -> None:
    home.rmdir()
    files.place(home / "commands" / "a", b"x", mode=0o755)
    assert files.look(home / "commands" / "a") == Entry("file", 0o755, b"x")


def test_programs_are_found_on_the_path_that_was_given(home: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    for directory, mode in ((first, 0o644), (second, 0o755)):
        directory.mkdir()
        (directory / "tool").write_text("")
        (directory / "tool").chmod(mode)
    (first / "folder").mkdir()
    files = DiskFiles(home, path=f"relative::{first}:/never:{second}")
    assert files.which("tool") == second / "tool", "what nobody may run is no program"
    assert files.which("folder") is None
    for odd in ("", "..", "a/b", "/bin/sh", "a\0b"):
        assert files.which(odd) is None
    (first / "tool").chmod(0o755)
    assert files.which("tool") == first / "tool"
    assert files.which("tool", skip=first) == second / "tool"
