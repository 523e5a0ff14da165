"""What git knows of a document, asked of a real one."""

from __future__ import annotations

import os
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from p42.manifest.kindbook import KindBook
from p42.manifest.read import Reader
from p42.model.look import SPEC, Traced
from p42.model.resource import Resource

MANIFEST = """\
# mine
apiVersion: p42.dev/v1
kind: Command
metadata: {name: hello}
spec:
  description: %s
  sourceFile: src/hello.sh
"""
STATUS = "status:\n  observedSpec: 0\n  conditions: []\n"


class Tree:
    """A work tree with one command of two files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "src").mkdir(parents=True)
        self.git("init", "-q")
        self.manifest, self.script = root / "hello.yaml", root / "src" / "hello.sh"
        self.manifest.write_text(MANIFEST % "one")
        self.script.write_text("echo one\n")

    def git(self, *words: str) -> None:
        who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        subprocess.run(["git", "-C", self.root, *who, *words], check=True, env=env,
                       capture_output=True)  # fmt: skip

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "c")

    def resource(self) -> Resource:
        (document,) = self.reader().look_file(str(self.manifest), str(self.root)).documents
        assert isinstance(document, Resource), document
        return document

    def reader(self) -> Reader:
        return Reader(KindBook.load())

    def traced(self) -> Traced:
        return self.reader().traced(self.resource())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "work")


def test_what_is_committed_as_it_stands_is_heads(tree: Tree) -> None:
    assert tree.traced() == Traced("unborn")
    tree.commit()
    found = tree.traced()
    assert len(found.head) == 40
    assert (found.busy, set(found.equal)) == (False, {SPEC, "src/hello.sh"})
    assert found.exact == {"src/hello.sh"}


def test_each_part_is_judged_by_itself(tree: Tree) -> None:
    tree.commit()
    tree.script.write_text("echo mine\n")
    assert tree.traced().equal == {SPEC}
    tree.manifest.write_text(MANIFEST % "two")
    assert tree.traced().equal == frozenset()


def test_p42s_own_status_makes_no_hand_edit_of_it(tree: Tree) -> None:
    """It writes NeedsApproval into the file it holds; that must not let it through."""
    tree.commit()
    tree.manifest.write_text(MANIFEST % "one" + STATUS)
    assert SPEC in tree.traced().equal


def test_an_untracked_file_is_a_hands(tree: Tree) -> None:
    (tree.root / "other").write_text("x")
    tree.git("add", "other")
    tree.git("commit", "-qm", "c")
    found = tree.traced()
    assert (len(found.head), found.equal) == (40, frozenset())


@pytest.mark.parametrize("sign", ["index.lock", "rebase-merge", "MERGE_HEAD"])
def test_while_git_is_at_work_nothing_is_told(tree: Tree, sign: str) -> None:
    tree.commit()
    (tree.root / ".git" / sign).touch()
    assert tree.traced().busy


@pytest.mark.parametrize(
    "rule", ["* text eol=crlf", "* ident", "* text working-tree-encoding=UTF-16"]
)
def test_what_git_turned_into_other_bytes_is_still_heads(tree: Tree, rule: str) -> None:
    """Attributes come with a pull too: they must not make a hand edit of what was pulled."""
    tree.script.write_text("echo $Id$\n")
    tree.commit()
    (tree.root / ".gitattributes").write_text(rule.replace("*", "*.sh", 1) + "\n")
    tree.git("add", ".gitattributes")
    tree.git("commit", "-qm", "c")
    tree.script.unlink()
    tree.git("checkout", "--", "src/hello.sh")
    assert "src/hello.sh" in tree.traced().equal
    assert tree.traced().exact == frozenset()


def test_a_link_is_judged_by_where_it_leads(tree: Tree) -> None:
    resource = tree.resource()
    tree.script.rename(tree.root / "src" / "real.sh")
    tree.script.symlink_to("real.sh")
    tree.commit()
    assert "src/hello.sh" in tree.reader().traced(resource).equal
    (tree.root / "src" / "real.sh").write_text("echo mine\n")
    changed = replace(resource, files={"src/hello.sh": b"echo mine\n"})
    assert tree.reader().traced(changed).equal == {SPEC}


def test_outside_a_work_tree_nothing_is_heads(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "hello.sh").write_text("echo")
    (tmp_path / "hello.yaml").write_text(MANIFEST % "one")
    reader = Reader(KindBook.load())
    (found,) = reader.look_file(str(tmp_path / "hello.yaml"), str(tmp_path)).documents
    assert isinstance(found, Resource)
    assert reader.traced(found) == Traced()


def test_a_work_tree_that_git_cannot_read_counts_as_heads(tree: Tree) -> None:
    tree.commit()
    (tree.root / ".git" / "HEAD").write_text("rubbish")
    found = tree.traced()
    assert (found.head, set(found.equal)) == ("", {SPEC, "src/hello.sh"})
    assert found.exact == frozenset()


def test_it_may_be_asked_beside_a_look(tree: Tree) -> None:
    tree.commit()
    reader, resource = tree.reader(), tree.resource()
    found: list[Traced] = []
    asking = [threading.Thread(target=lambda: found.append(reader.traced(resource)))
              for _ in range(4)]  # fmt: skip
    for each in asking:
        each.start()
    for _ in range(20):
        reader.look(str(tree.root))
    for each in asking:
        each.join()
    assert len(set(found)) == 1


def test_nothing_of_the_work_trees_configuration_is_run(tree: Tree, tmp_path: Path) -> None:
    (tree.root / ".gitattributes").write_text("* filter=evil diff=evil\n")
    tree.commit()
    trace = tmp_path / "ran"
    for key in ("filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv", "core.fsmonitor"):
        tree.git("config", key, f"touch {trace}; cat")
    tree.script.write_text("echo changed\n")
    tree.traced()
    assert not trace.exists()
