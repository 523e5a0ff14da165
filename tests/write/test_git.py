"""Git stays quiet: a status that is committed is written again by no restart, switch or clone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.write import scene


class Tree:
    """A work tree with a manifest, and the home that writes into it."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        self.file = root / "greet.yaml"

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
        done = subprocess.run(
            ["git", "-C", self.root, *who, *words], capture_output=True, text=True, check=True
        )
        return done.stdout

    async def apply(self, reason: str = "Reconciled") -> str:
        """As the engine does once all is settled. What git says of it."""
        for what in scene.resources(self.file):
            await scene.write(self.home, what, scene.status(what, reason))
        return self.git("status", "--porcelain", "--untracked-files=all")


@pytest.fixture
async def tree(file: Path, home: Path) -> Tree:
    tree = Tree(file.parent, home)
    tree.git("init", "-q")
    await tree.apply()
    tree.git("add", "-A")
    tree.git("commit", "-qm", "one")
    return tree


async def test_a_committed_status_stays_committed(tree: Tree) -> None:
    assert tree.git("ls-files").split() == ["greet.yaml"]
    assert await tree.apply() == ""


async def test_switching_branches_and_back_is_clean(tree: Tree) -> None:
    tree.git("switch", "-qc", "other")
    text = tree.file.read_text()
    tree.file.write_text(text.replace("echo hi", "echo ho") + "---\n" + scene.manifest("more"))
    await tree.apply()
    tree.git("commit", "-qam", "two")
    for branch in ("main", "other", "main", "other"):
        tree.git("switch", "-q", branch)
        assert await tree.apply() == ""


async def test_a_clone_under_another_home_is_clean(tree: Tree, tmp_path: Path) -> None:
    tree.git("clone", "-q", ".", str(tmp_path / "clone"))
    clone = Tree(tmp_path / "clone", tmp_path / "other-home")
    assert await clone.apply() == ""


async def test_a_failing_resource_shows_as_its_own_block(tree: Tree) -> None:
    tree.file.write_text(tree.file.read_text() + "---\n" + scene.manifest("more"))
    await tree.apply()
    tree.git("commit", "-qam", "two")
    first, _ = scene.resources(tree.file)
    await scene.write(tree.home, first, scene.status(first, "Blocked"))
    changed = tree.git("diff", "--unified=0").splitlines()
    lines = [line for line in changed if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert [line.strip("+- ") for line in lines] == [
        '{type: Ready, status: "True", reason: Reconciled}',
        '{type: Ready, status: "False", reason: Blocked}',
    ]


async def test_sidecars_show_nowhere(tree: Tree) -> None:
    what = scene.resource(tree.file)
    await scene.write(tree.home, what, scene.status(what), mode="sidecar")
    assert (tree.root / ".p42" / "status").is_dir()
    assert tree.git("status", "--porcelain", "--untracked-files=all") == ""
