"""A directory that a person names: only where p42 would find the command, and nowhere else."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from p42.ai.forge.place import Places
from p42.model.errors import Blocked, InvalidInput
from p42.model.refs import Ref
from p42.runtimes.disk.files import DiskFiles
from p42.scripts.notes import FORGED_BY
from tests.forge.smithy import Smithy, smithy

HELLO = Ref("Command", "hello")
MINE = b"apiVersion: p42.dev/v1\nkind: Command\nmetadata: {name: hello}\nspec: {source: a}\n"


@asynccontextmanager
async def tree(root: Path, *names: str) -> AsyncIterator[tuple[Smithy, Path]]:
    """A smithy beside a followed directory that holds directories of these names."""
    made = root / "tree"
    made.mkdir()
    for name in names:
        (made / name).mkdir(parents=True)
    async with smithy(root / "home") as there:
        (there.home / "manifests").mkdir()
        there.sources.append(str(made))
        yield there, made


async def test_it_is_declared_there_and_marked_first_and_not_executable(tmp_path: Path) -> None:
    async with tree(tmp_path, "cmds") as (there, made):
        forged = await there.into(made / "cmds")
        file = made / "cmds" / "hello.yaml"
        assert (forged.problem, forged.file) == ("", str(file))
        assert forged.diff.startswith("--- /dev/null\n+++ b/cmds/hello.yaml\n")
        assert there.approvals.machine_made(HELLO)
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
        assert FORGED_BY in file.read_text()
        assert there.written == []


async def test_the_next_version_goes_where_it_stands_whoever_wants_it(tmp_path: Path) -> None:
    async with tree(tmp_path, "a") as (there, made):
        await there.into(made / "a")
        file = made / "a" / "hello.yaml"
        again = await there.into("", text="echo two", name="other")  # not read back yet
        assert (again.problem, again.file) == ("", str(file))
        there.declare(file)
        by_agent = await there.into("", text="echo three", name="other", session="s-2")
        assert (by_agent.problem, by_agent.file) == ("", str(file))
        there.declare(file)
        by_session = await there.into("", text="echo four", name="muse", session="s-2")
        assert (by_session.problem, by_session.file) == ("", str(file))
        assert (made / "a" / ".p42" / "hello.yaml.previous").exists()
        assert there.written == []


async def test_a_stranger_is_told_where_the_name_is_declared(tmp_path: Path) -> None:
    async with tree(tmp_path, "a", "b") as (there, made):
        await there.into(made / "a")
        before = (made / "a" / "hello.yaml").read_bytes()
        for _ in range(2):
            told = await there.into("", name="other", session="s-9", text="echo 2")
            assert f"is declared in {made / 'a' / 'hello.yaml'}" in told.problem
            assert told.problem.endswith("ask for another name")
            mine = await there.into(made / "b", text="echo 2")
            assert mine.problem.endswith("without --into it goes there")
            there.declare(made / "a" / "hello.yaml")
        assert (made / "a" / "hello.yaml").read_bytes() == before
        assert not (made / "b" / "hello.yaml").exists()


async def test_one_of_the_home_is_not_made_a_second_time_in_a_directory(tmp_path: Path) -> None:
    async with tree(tmp_path) as (there, made):
        await there.one(name="hello", implementation="echo hi")
        there.declare(there.sheet("hello"))
        told = await there.into(made)
        assert f"declared in {there.sheet('hello')}" in told.problem
        assert list(made.iterdir()) == []


async def test_what_was_moved_beside_others_is_a_persons_to_change(tmp_path: Path) -> None:
    async with tree(tmp_path) as (there, made):
        await there.into(made)
        file = (made / "hello.yaml").rename(made / "all.yaml")
        there.declare(file)
        told = await there.into("", text="echo 2")
        assert f"declared in {file}" in told.problem


async def test_a_manifest_that_a_person_wrote_is_left_alone(tmp_path: Path) -> None:
    async with tree(tmp_path) as (there, made):
        (made / "hello.yaml").write_bytes(MINE)
        assert "was not forged" in (await there.into(made)).problem
        assert (made / "hello.yaml").read_bytes() == MINE
        assert not there.approvals.machine_made(HELLO)


async def test_after_it_was_deleted_a_next_one_is_new(tmp_path: Path) -> None:
    async with tree(tmp_path) as (there, made):
        await there.into(made)
        (made / "hello.yaml").unlink()
        assert (await there.into("")).file == str(there.sheet("hello"))


def places(home: Path, *sources: Path) -> Places:
    return Places(home, DiskFiles(home, path=""), lambda: [str(each) for each in sources])


def test_a_directory_that_nobody_follows_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "my tree").mkdir()
    with pytest.raises(InvalidInput, match=r"first: p42 apply -f '.*my tree'"):
        places(tmp_path / "home").within(str(tmp_path / "my tree"))


@pytest.mark.parametrize("name", [".git/hooks", ".hidden", "forged", "node_modules/x", "build"])
def test_where_p42_does_not_look_nothing_is_put(tmp_path: Path, name: str) -> None:
    made = tmp_path / "tree"
    (made / name).mkdir(parents=True)
    (made / ".gitignore").write_text("build/\n")
    subprocess.run(["git", "init", "-q", str(made)], check=True)
    with pytest.raises(InvalidInput, match="p42 does not look for"):
        places(tmp_path / "home", made).within(str(made / name))


def test_a_repository_inside_what_git_ignores_is_ignored_too(tmp_path: Path) -> None:
    made, inner = tmp_path / "tree", tmp_path / "tree" / "build" / "inner"
    inner.mkdir(parents=True)
    (made / ".gitignore").write_text("build/\n")
    for each in (made, inner):
        subprocess.run(["git", "init", "-q", str(each)], check=True)
    with pytest.raises(InvalidInput, match="what git ignores"):
        places(tmp_path / "home", made).within(str(inner))


@pytest.mark.parametrize("given", ["", "tree", "/no/such/place", "/etc/passwd", "/tmp/a\nb", "/\0"])
def test_what_is_no_directory_is_told(tmp_path: Path, given: str) -> None:
    with pytest.raises(InvalidInput):
        places(tmp_path / "home").within(given)


def test_a_link_counts_as_where_it_leads(tmp_path: Path) -> None:
    made, outside = tmp_path / "tree", tmp_path / "outside"
    (made / "cmds").mkdir(parents=True)
    outside.mkdir()
    (made / "out").symlink_to(outside)
    (made / "in").symlink_to(made / "cmds")
    (tmp_path / "way").symlink_to(made)
    there = places(tmp_path / "home", made)
    with pytest.raises(InvalidInput, match=rf"leads to {outside}\)"):
        there.within(str(made / "out"))
    for each in (made / "in", tmp_path / "way" / "cmds", made / "x" / ".." / "cmds"):
        assert there.within(str(each), "hello").file == made / "cmds" / "hello.yaml"
    followed_by_link = places(tmp_path / "home", tmp_path / "way")
    assert followed_by_link.within(str(made / "cmds"), "a").file == tmp_path / "way/cmds/a.yaml"


def test_the_home_is_p42s_own_but_for_its_manifests(tmp_path: Path) -> None:
    home = tmp_path / "tree" / "home"
    for name in ("commands", "manifests/more", "run"):
        (home / name).mkdir(parents=True)
    there = places(home, tmp_path / "tree")
    for name in ("", "commands", "run"):
        with pytest.raises(InvalidInput, match="p42's own"):
            there.within(str(home / name))
    found = there.within(str(home / "manifests" / "more"), "a")
    assert (found.mode, found.shown) == (0o600, "manifests/more/a.yaml")


def test_a_directory_that_becomes_a_link_at_the_last_moment_is_not_followed(
    tmp_path: Path,
) -> None:
    made, outside = tmp_path / "tree", tmp_path / "outside"
    (made / "cmds").mkdir(parents=True)
    outside.mkdir()
    place = places(tmp_path / "home", made).within(str(made / "cmds"), "a")
    (made / "cmds").rename(made / "was")
    (made / "cmds").symlink_to(outside)
    with pytest.raises(Blocked, match="cmds"):
        place.files.swap(place.file, b"x", was=None, mode=0o644)
    assert list(outside.iterdir()) == []
