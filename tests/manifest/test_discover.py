"""Discover and git: which files of a directory may be manifests, and what took one away."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from p42.manifest import git
from p42.manifest.discover import Walker
from tests.manifest.conftest import Tree


def run(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)
    return done.stdout.decode()


def names(walker: Walker, root: Path) -> list[str]:
    return [str(Path(path).relative_to(root)) for path, _ in walker.walk(str(root)).files]


def test_hidden_forged_and_installed_directories_are_not_entered(tree: Tree) -> None:
    root = tree({
        "a.yaml": "", "b.yml": "", "c.json": "", "d.txt": "", ".hidden.yaml": "", ".#e.yaml": "",
        ".x/a.yaml": "", "forged/a.yaml": "", "sub/node_modules/a.yaml": "", "sub/z.yaml": "",
    })  # fmt: skip
    assert names(Walker(), root) == [".hidden.yaml", "a.yaml", "b.yml", "c.json", "sub/z.yaml"]


def test_what_git_ignores_is_not_entered(tree: Tree) -> None:
    root = tree({
        ".gitignore": "build/\n*.tmp.yaml\n", ":x.yaml": "", "a.yaml": "", "b.tmp.yaml": "",
        "build/c.yaml": "",
        "sub/.gitignore": "d.yaml\n", "sub/d.yaml": "", "sub/e.yaml": "",
    })  # fmt: skip
    run(root, "init", "-q")
    walker = Walker()
    assert names(walker, root) == [":x.yaml", "a.yaml", "sub/e.yaml"]
    assert not walker.would_enter(str(root), str(root / "b.tmp.yaml"))
    assert walker.would_enter(str(root), str(root / "sub/new.yaml"))


def test_a_change_of_what_is_ignored_is_noticed(tree: Tree) -> None:
    root = tree({"a.yaml": "", "sub/b.yaml": ""})
    run(root, "init", "-q")
    walker = Walker()
    assert names(walker, root) == ["a.yaml", "sub/b.yaml"]
    (root / "sub" / ".gitignore").write_text("b.yaml\n")
    assert names(walker, root) == ["a.yaml"]
    (root / "sub" / ".gitignore").unlink()
    assert names(walker, root) == ["a.yaml", "sub/b.yaml"]


def test_git_is_asked_only_about_what_is_new(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({"a.yaml": "", "sub/b.yaml": ""})
    run(root, "init", "-q")
    walker = Walker()
    names(walker, root)
    asked: list[str] = []
    original = git.ignored
    monkeypatch.setattr(
        git, "ignored", lambda top, paths: asked.extend(paths) or original(top, paths)
    )
    names(walker, root)
    assert asked == []
    (root / "c.yaml").touch()
    assert names(walker, root) == ["a.yaml", "c.yaml", "sub/b.yaml"]
    assert asked == [str(root / "c.yaml")]


def test_an_ignored_source_was_named_on_purpose(tree: Tree) -> None:
    root = tree({".gitignore": "mine/\n", "mine/a.yaml": "", "mine/.gitignore": "*"})
    run(root, "init", "-q")
    assert names(Walker(), root / "mine") == ["a.yaml"]


def test_a_work_tree_inside_another_has_its_own_rules(tree: Tree) -> None:
    root = tree({"in/.gitignore": "b.yaml\n", "in/a.yaml": "", "in/b.yaml": "", "b.yaml": ""})
    run(root, "init", "-q")
    run(root / "in", "init", "-q")
    assert names(Walker(), root) == ["b.yaml", "in/a.yaml"]


def test_variables_of_a_hook_do_not_mislead(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({".gitignore": "a.yaml\n", "a.yaml": "", "b.yaml": ""})
    run(root, "init", "-q")
    monkeypatch.setenv("GIT_DIR", "/nowhere/.git")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert names(Walker(), root) == ["b.yaml"]


def test_a_work_tree_of_a_stranger_runs_nothing(tree: Tree) -> None:
    root = tree({"a.yaml": "", "spy": "#!/bin/sh\ntouch $(dirname $0)/ran\n"})
    (root / "spy").chmod(0o755)
    run(root, "init", "-q")
    run(root, "add", "a.yaml")
    run(root, "config", "core.fsmonitor", str(root / "spy"))
    names(Walker(), root)
    git.explained(str(root), [str(root / "x.yaml")])
    assert not (root / "ran").exists()


def test_neither_a_partial_clone_nor_a_signature_runs_what_a_stranger_named(tree: Tree) -> None:
    root = tree({"m/a.yaml": "", "spy": "#!/bin/sh\ntouch $(dirname $0)/ran\nexit 1\n"})
    (root / "spy").chmod(0o755)
    run(root, "init", "-q")
    run(root, "add", "m")
    run(root, "commit", "-qm", "one")
    commit = run(root, "cat-file", "commit", "HEAD")
    signed = commit.replace("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n\n", 1)
    (root / "signed").write_text(signed)
    made = run(root, "hash-object", "-t", "commit", "-w", "--literally", "signed").strip()
    run(root, "reset", "-q", "--soft", made)
    for key, value in (
        ("log.showSignature", "true"), ("gpg.program", str(root / "spy")),
        ("core.repositoryformatversion", "1"), ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"), ("remote.origin.url", str(root)),
        ("remote.origin.uploadpack", str(root / "spy")), ("protocol.file.allow", "always"),
    ):  # fmt: skip
        run(root, "config", key, value)
    assert git.ask(str(root), "log", "--oneline", "-1")
    subtree = run(root, "rev-parse", "HEAD:m").strip()
    (root / ".git" / "objects" / subtree[:2] / subtree[2:]).unlink()
    git.ask(str(root), "ls-tree", "-r", "HEAD")
    git.ask(str(root), "rev-parse", "--verify", "HEAD:./m/a.yaml")
    assert not (root / "ran").exists()


def test_without_git_nothing_is_ignored(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({".gitignore": "a.yaml\n", "a.yaml": ""})
    run(root, "init", "-q")
    monkeypatch.setenv("PATH", "/nowhere")
    assert names(Walker(), root) == ["a.yaml"]


def test_git_explains_what_a_commit_or_checkout_took_away(tree: Tree) -> None:
    root = tree({"m/a.yaml": "", "m/b.yaml": "", "m/c d.yaml": "", "never.yaml": ""})
    run(root, "init", "-q", "-b", "main")
    run(root, "add", "m")
    run(root, "commit", "-qm", "all")
    run(root, "checkout", "-qb", "other")
    run(root, "rm", "-q", "m/a.yaml", "m/c d.yaml")
    run(root, "commit", "-qm", "fewer")
    (root / "m" / "b.yaml").unlink()
    asked = [str(root / name) for name in ("m/a.yaml", "m/b.yaml", "m/c d.yaml", "m/never.yaml")]
    assert git.explained(str(root / "m"), asked) == {asked[0], asked[2]}


def test_git_explains_nothing_while_it_is_at_work(tree: Tree) -> None:
    root = tree({"a.yaml": ""})
    run(root, "init", "-q")
    run(root, "add", ".")
    run(root, "commit", "-qm", "all")
    run(root, "rm", "-q", "a.yaml")
    run(root, "commit", "-qm", "none", "--allow-empty")
    assert git.explained(str(root), [str(root / "a.yaml")])
    (root / ".git" / "index.lock").touch()
    assert not git.explained(str(root), [str(root / "a.yaml")])


def test_outside_of_a_work_tree_nothing_is_explained(tmp_path: Path) -> None:
    assert not git.explained(str(tmp_path), [str(tmp_path / "a.yaml")])
