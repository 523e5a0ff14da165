"""Bad input: a finding with file, line and column; never a traceback, a hang or a crash."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from p42.manifest.kindbook import KindBook
from p42.manifest.validate import Report, validate
from tests.manifest.conftest import AGENT, HEAD

Check = Callable[..., Report]
NOBODY = 65534


def named(name: str) -> str:
    return AGENT.replace("name: muse", f"name: {name}")


CASES: dict[str, tuple[str | bytes, str, int, int, str]] = {
    "not YAML": (HEAD + "spec: {a: [}\n", "not-yaml", 5, 12, "not YAML"),
    "duplicate key": (HEAD + "spec:\n  forge: true\n  forge: false\n", "duplicate-key", 7, 3,
                      "key 'forge' stands twice"),
    "unknown field": (HEAD + "spec:\n  temprature: 1\n", "unknown-field", 6, 3, "unknown field"),
    "wrong type": (HEAD + "spec:\n  temperature: hot\n", "type", 6, 16, "is not a number"),
    "out of range": (HEAD + "spec:\n  temperature: 3.5\n", "value", 6, 16, "greater than the max"),
    "unknown kind": (AGENT.replace("Agent", "Agnet"), "unknown-kind", 2, 7, '"Agnet" is no kind'),
    "missing kind": (AGENT.replace("kind: Agent\n", ""), "missing-field", 1, 1, "kind is missing"),
    "missing apiVersion": (AGENT.replace("apiVersion: p42.dev/v1\n", ""), "missing-field", 1, 1,
                           "apiVersion is missing"),
    "other version": (AGENT.replace("v1", "v2"), "enum", 1, 13, '"p42.dev/v2" is not p42.dev/v1'),
    "missing name": (HEAD.replace("  name: muse", "  labels: {}") + "spec: {}\n", "missing-field",
                     3, 1, "name is missing"),
    "missing spec": (HEAD, "missing-field", 1, 1, "spec is missing"),
    "name with /": (named("a/b"), "value", 4, 9, '"a/b" is not a name'),
    "name with ..": (named(".."), "value", 4, 9, '".." is not a name'),
    "name with NUL": (named('"a\\0b"'), "bad-value", 4, 9, "holds a NUL"),
    "name with newline": (named('"ab\\n"'), "value", 4, 9, "is not a name"),
    "name too long": (named("a" * 64), "value", 4, 9, "is not a name"),
    "name that is a number": (named("42"), "type", 4, 9, "42 is not a string"),
    "null field": (HEAD + "spec:\n  persona:\n", "type", 6, 3, "is empty"),
    "tag": (HEAD + "spec: !!python/object:os.system {}\n", "tag", 5, 7, "tag !!python/object"),
    "not finite": (HEAD + "spec:\n  temperature: .nan\n", "not-finite", 6, 16, ".nan"),
    "deep": (HEAD + "spec: " + "[" * 200_000, "too-deep", 5, 70, "deeper than 64 levels"),
    "large": (HEAD + "# " + "x" * 10_000_000, "too-large", 1, 1, "10,000,"),
    "binary": (b"p42.dev/ \x7fELF\x00\x00\x01\xff", "encoding", 1, 1, "is binary"),
    "UTF-16": (AGENT.encode("utf-16"), "encoding", 1, 1, "is UTF-16"),
    "UTF-16 without mark": (AGENT.encode("utf-16-le"), "encoding", 1, 1, "is UTF-16"),
    "Latin-1": (AGENT.encode() + b"# \xe9\n", "encoding", 7, 3, "byte 0xe9 is not UTF-8"),
    "escape sequence": (AGENT + "# \x1b[31m\n", "encoding", 7, 3, "control character U+001B"),
    "line separator": (AGENT + "# a\u2028b\n", "encoding", 7, 4, "line separator U+2028"),
    "not a mapping": ("- p42.dev/v1\n- }", "not-yaml", 2, 3, "not YAML"),
    "status no mapping": (AGENT + "status: ok\n", "type", 7, 9, "is not a mapping"),
    "key literal": (AGENT + "  persona: sk-ant-api03-abcdef\n", "key-literal", 7, 12, "like a key"),
    "outside": (AGENT.replace("temperature: 0.8", "personaFile: ../../etc/passwd"), "file-outside",
                6, 16, "lies outside"),
    "absolute": (AGENT.replace("temperature: 0.8", "personaFile: /etc/passwd"), "file-outside",
                 6, 16, "lies outside"),
    "not there": (AGENT.replace("temperature: 0.8", "personaFile: me.txt"), "file-missing", 6, 16,
                  '"me.txt" is not there'),
    "two of three": (AGENT.replace("Agent", "Command").replace("temperature: 0.8",
                     "source: ls\n  prompt: list"), "value", 5, 1, "only one of source"),
    "none of three": (AGENT.replace("Agent", "Command").replace("temperature: 0.8",
                      "language: bash"), "value", 5, 1, "one of source, sourceFile, prompt is"),
    "a list": ("apiVersion: p42.dev/v1\nkind: List\nitems: []\n", "unknown-kind", 2, 7,
               "a List is what `p42 get` prints"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_told_with_its_place(case: str, check: Check) -> None:
    content, code, line, column, message = CASES[case]
    report = check({"a.yaml": content})
    found = report.diagnostics[0]
    assert (found.file, found.line, found.column, found.code) == ("a.yaml", line, column, code)
    assert message in found.message
    assert report.code == 3
    assert report.resources == 0


@pytest.mark.parametrize("case", CASES)
def test_a_file_named_on_the_command_line_is_told_the_same(case: str, check: Check) -> None:
    content, code, *_ = CASES[case]
    assert check({"a.yaml": content}, "a.yaml").diagnostics[0].code == code


def test_two_documents_of_one_name_name_each_other(check: Check) -> None:
    report = check({"a.yaml": AGENT, "b/c.yaml": "# here\n" + AGENT})
    first, second = report.diagnostics
    assert (first.file, first.line, first.path) == ("a.yaml", 4, "metadata.name")
    assert "also declared at b/c.yaml:2" in first.message
    assert (second.file, second.line) == ("b/c.yaml", 5)
    assert "also declared at a.yaml:1" in second.message


def test_every_finding_of_a_document_is_told_at_once(check: Check) -> None:
    bad = HEAD + "spec:\n  temperature: 3\n  tools: x\n  wit: 1\n  memory: {window: 0}\n"
    report = check({"a.yaml": bad})
    assert [found.line for found in report.diagnostics] == [6, 7, 8, 9]
    assert [found.path for found in report.diagnostics] == [
        "spec.temperature", "spec.tools", "spec.wit", "spec.memory.window"]  # fmt: skip


def test_a_bad_document_leaves_the_others_of_its_file_good(check: Check) -> None:
    report = check({"a.yaml": f"{AGENT}---\n{named('Bad')}---\n{named('good')}"})
    assert (report.resources, len(report.diagnostics)) == (2, 1)
    assert report.diagnostics[0].line == 11


def test_a_path_that_is_not_there_is_an_error(check: Check) -> None:
    report = check({}, "nowhere", "gone.yaml")
    assert [(found.file, found.code) for found in report.diagnostics] == [
        ("gone.yaml", "missing"), ("nowhere", "missing")]  # fmt: skip


def test_links_that_go_in_circles_are_errors_and_no_hang(tree: Callable[..., Path]) -> None:
    root = tree({"good.yaml": AGENT, "sub/x.txt": ""})
    (root / "sub" / "up").symlink_to("..")
    (root / "loop.yaml").symlink_to("loop.yaml")
    (root / "ring").symlink_to("ring")
    report = validate([str(root)])
    found = {Path(d.file).name: d.code for d in report.diagnostics}
    assert found == {"up": "link-loop", "loop.yaml": "unreadable", "ring": "unreadable"}
    assert report.resources == 1


@contextmanager
def nobody() -> Iterator[None]:
    """As an ordinary user: permissions mean nothing to root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_what_cannot_be_read_is_told_and_the_rest_is_read(book: KindBook) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "good.yaml").write_text(AGENT)
        (root / "shut.yaml").write_text(named("shut"))
        (root / "closed").mkdir()
        (root / "shut.yaml").chmod(0)
        (root / "closed").chmod(0)
        with nobody():
            report = validate([name], book=book)
        (root / "closed").chmod(0o755)
    found = {Path(d.file).name: d.message for d in report.diagnostics}
    assert found == {
        "closed": "cannot be listed: no permission to read it",
        "shut.yaml": "cannot be read: no permission to read it",
    }
    assert (report.resources, report.code) == (1, 3)


def test_a_pipe_named_like_a_manifest_does_not_stop_the_reader(tree: Callable[..., Path]) -> None:
    root = tree({"a.yaml": AGENT})
    os.mkfifo(root / "pipe.yaml")
    assert validate([str(root)]).diagnostics == ()
    assert validate([str(root / "pipe.yaml")]).diagnostics[0].code == "unreadable"
