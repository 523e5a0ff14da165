"""The lock beside a manifest is read with it, and need not be there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p42.kinds.command.runs import executes
from p42.kinds.command.spec import Command
from p42.manifest.read import Reader
from p42.model.kind import Want
from p42.model.look import Broken, FileLook
from p42.model.refs import Ref
from p42.model.resource import Resource
from p42.scripts.lock import Lock, Version, digest_of, name_of, render
from tests.forge.smithy import BOOK

SHEET = """\
apiVersion: p42.dev/v1
kind: Command
metadata: {name: hello}
spec: {prompt: sing}
"""
LOCK = render("hello", Lock(Version(digest_of("sing"), "echo la\n", "bash")))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    (made / "hello.yaml").write_text(SHEET)
    return made


def put(tree: Path, data: bytes) -> Path:
    path = tree / name_of("hello")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def read(look: FileLook) -> Resource:
    (document,) = look.documents
    assert isinstance(document, Resource)
    return document


def test_without_a_lock_nothing_is_missing(tree: Path) -> None:
    (look,) = Reader(BOOK).look(str(tree)).files
    assert read(look).files == {}


def test_a_lock_is_read_and_counts_for_the_digest(tree: Path) -> None:
    reader = Reader(BOOK)
    (before,) = reader.look(str(tree)).files
    put(tree, LOCK)
    (after,) = reader.look(str(tree)).files
    assert read(after).files == {name_of("hello"): LOCK}
    assert read(after).digest != read(before).digest


def test_a_lock_is_no_manifest(tree: Path) -> None:
    put(tree, SHEET.encode())
    assert len(Reader(BOOK).look(str(tree)).files) == 1


def test_a_command_without_a_prompt_has_no_lock(tree: Path) -> None:
    put(tree, LOCK)
    (tree / "hello.yaml").write_text(SHEET.replace("prompt: sing", "source: echo"))
    (look,) = Reader(BOOK).look(str(tree)).files
    assert read(look).files == {}


def test_a_lock_that_leads_out_of_the_source_is_an_error(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(LOCK)
    (tree / "forged").mkdir()
    (tree / name_of("hello")).symlink_to(tmp_path / "secret")
    (look,) = Reader(BOOK).look(str(tree)).files
    (document,) = look.documents
    assert isinstance(document, Broken)
    assert document.diagnostics[0].code == "file-outside"


@pytest.mark.parametrize(("prompt", "data", "runs"), [
    ("sing", LOCK, True), ("hum", LOCK, False), ("sing", b"", False), ("sing", b"<<<<", False),
])  # fmt: skip
def test_nothing_is_executed_but_what_its_own_lock_holds(
    prompt: str, data: bytes, runs: bool
) -> None:
    command = Command(prompt=prompt)
    want = Want(Ref("Command", "hello"), command, files={name_of("hello"): data})
    assert (b"echo la" in executes(want)) is runs
    assert (executes(want) == b"") is not runs
