"""Other people's files in a followed directory are not manifests and no error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from p42.manifest.read import Reader
from p42.manifest.validate import Report
from tests.manifest.conftest import AGENT, Tree

FOREIGN: dict[str, str | bytes] = {
    "package.json": '{"name": "x", "version": "1.0.0", "scripts": {"kind": "Agent"}}',
    "package-lock.json": '{"lockfileVersion": 3, "packages": {"": {"name": "x"}}}',
    "pnpm-lock.yaml": "lockfileVersion: '6.0'\ndependencies:\n  a: 1\n",
    "compose.yaml": "services:\n  web:\n    image: nginx\n    environment: {kind: Command}\n",
    ".github/workflows/ci.yml": "on: push\njobs: {a: {steps: [{run: p42 validate}]}}\n",
    "workflow.yml": "on: push\njobs: {a: {steps: [{uses: p42.dev/action}]}}\n",
    "deploy.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: Nope_}\n",
    "crd.yaml": "apiVersion: other.dev/v1\nkind: Agent\nspec: {no: such}\n",
    "template.yaml": "{{ if .Values.x }}\na: b: c\n{{ end }}\n",
    "cloudformation.yaml": "Resources:\n  A: !Ref B\n  kind: Agent is a word here\n",
    "broken.json": "{not json",
    "data.json": '[1, 2, {"kind": "Command"}]',
    "binary.yaml": b"\x00\x01\x02\xff",
    "utf16.json": '{"a": 1}'.encode("utf-16"),
    "large.json": "[" + "1," * 1_000_000 + "1]",
    "deep.json": "[" * 100_000,
    "empty.yaml": "",
    "comment.yaml": "# nothing\n",
    "node_modules/x/a.yaml": "apiVersion: p42.dev/v1\nkind: Nope\n",
    "forged/x.lock.yaml": "apiVersion: p42.dev/v1\nkind: Nope\n",
    ".p42/a.yaml": "apiVersion: p42.dev/v1\nkind: Nope\n",
    "notes.txt": "apiVersion: p42.dev/v1\nkind: Nope\n",
    "a.yaml.orig": "apiVersion: p42.dev/v1\nkind: Nope\n",
    "a.yaml~": "apiVersion: p42.dev/v1\nkind: Nope\n",
}


def test_other_peoples_files_are_no_error(check: Callable[..., Report]) -> None:
    report = check({**FOREIGN, "mine.yaml": AGENT})
    assert report.diagnostics == ()
    assert (report.names, report.resources) == (("mine.yaml",), 1)


def test_the_daemon_does_not_see_them_either(tree: Tree, reader: Reader) -> None:
    root = tree({**FOREIGN, "mine.yaml": AGENT})
    look = reader.look(str(root))
    assert [Path(file.path).name for file in look.files] == ["mine.yaml"]


@pytest.mark.parametrize("name", ["package.json", "compose.yaml", "deploy.yaml", "template.yaml"])
def test_named_on_the_command_line_they_are_manifests(
    name: str, check: Callable[..., Report]
) -> None:
    assert check(FOREIGN, name).code == 3


def test_a_file_that_does_not_parse_counts_if_it_names_us(check: Callable[..., Report]) -> None:
    assert check({"a.yaml": "apiVersion: p42.dev/v1\nkind: [\n"}).code == 3


def test_a_document_of_ours_without_apiversion_is_an_error(check: Callable[..., Report]) -> None:
    report = check({"a.yaml": "kind: Command\nmetadata: {name: x}\nspec: {source: ls}\n"})
    assert report.diagnostics[0].message == "apiVersion is missing"


def test_it_is_one_however_bad_the_rest_of_it_is(check: Callable[..., Report]) -> None:
    assert check({"a.yaml": "kind: Command\nmetadata: {name: Bad_}\n"}).code == 3


def test_documents_of_others_beside_ours_are_left_alone(check: Callable[..., Report]) -> None:
    report = check({"a.yaml": f"{FOREIGN['deploy.yaml']!s}---\n{AGENT}---\n!x {{a: 1, a: 2}}\n"})
    assert report.diagnostics == ()
    assert report.resources == 1


def test_a_file_that_was_a_manifest_stays_one(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT})
    path = str(root / "a.yaml")
    assert reader.look_file(path, str(root)).state == "read"
    (root / "a.yaml").write_text("half: [")
    broken = reader.look_file(path, str(root))
    assert (broken.state, len(broken.documents)) == ("read", 1)
    (root / "a.yaml").write_text("")
    empty = reader.look_file(path, str(root))
    assert (empty.state, empty.documents, empty.empty) == ("read", (), True)


def test_a_file_the_ledger_remembers_is_a_manifest_even_if_broken(
    tree: Tree, reader: Reader
) -> None:
    root = tree({"a.yaml": "half: ["})
    path = str(root / "a.yaml")
    assert reader.look_file(path, str(root)).state == "foreign"
    fresh = Reader(reader.book)
    fresh.expect([(path, str(root))])
    assert [file.path for file in fresh.look(str(root)).files] == [path]
