"""Validate as a process: light, alone, and from standard input."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from p42.manifest.lists import unlisted
from p42.manifest.validate import Report, validate
from tests.manifest.conftest import AGENT, HEAD, Tree

ROOT = Path(__file__).parents[2]
LIST = "apiVersion: p42.dev/v1\nkind: List\nitems:\n"


def indented(text: str) -> str:
    first, *rest = text.splitlines()
    return "\n".join([f"- {first}", *(f"  {line}" for line in rest)]) + "\n"


def piped(text: str, monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    return validate(["-"])


def test_validation_imports_nothing_heavy(tree: Tree) -> None:
    root = tree({"a.yaml": AGENT, "b.yaml": HEAD + "spec: {temperatur: 3}\n"})
    program = (
        "import sys; from p42.manifest.validate import validate; "
        "from p42.manifest.formats import render; render(validate([sys.argv[1]]), 'text'); "
        "print(*sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=True
    )
    heavy = {"pydantic", "asyncio", "rich", "typer", "jsonschema", "watchfiles", "pathlib"}
    assert not heavy & {name.partition(".")[0] for name in shown.stdout.split()}


def test_what_is_shipped_is_good() -> None:
    report = validate([str(ROOT / "manifests")])
    assert [d for d in report.diagnostics if d.severity == "error"] == []
    assert report.resources > 5


def test_standard_input_is_one_more_file(monkeypatch: pytest.MonkeyPatch) -> None:
    report = piped(AGENT.replace("0.8", "3"), monkeypatch)
    assert (report.diagnostics[0].file, report.diagnostics[0].line) == ("<stdin>", 6)
    assert piped(AGENT, monkeypatch).resources == 1
    assert piped("", monkeypatch).diagnostics[0].severity == "warning"


def test_what_get_prints_can_be_piped_back(monkeypatch: pytest.MonkeyPatch) -> None:
    live = AGENT + "status: {generation: 3, conditions: [], endpoint: 'h:1', anything: {a: [1]}}\n"
    assert piped(live, monkeypatch).diagnostics == ()
    two = LIST + indented(live) + indented(live.replace("muse", "other"))
    assert piped(two, monkeypatch).resources == 2
    bad = piped(LIST + indented(live.replace("0.8", "3")), monkeypatch)
    assert (bad.diagnostics[0].path, bad.diagnostics[0].line) == ("spec.temperature", 9)


def test_a_list_is_taken_apart_into_documents_without_status() -> None:
    text = AGENT.replace("0.8", '0.8\n  persona: "no 0o10 1e3 2024-01-01"') + "status: {a: 1}\n"
    parts = list(yaml.safe_load_all(unlisted(f"{LIST}{indented(text)}---\n{AGENT}")))
    assert [sorted(part) for part in parts] == [["apiVersion", "kind", "metadata", "spec"]] * 2
    assert parts[0]["spec"]["persona"] == "no 0o10 1e3 2024-01-01"
    assert unlisted(AGENT) == AGENT
    assert unlisted("a: [") == "a: ["


def test_a_path_given_twice_is_read_once(check: Callable[..., Report]) -> None:
    report = check({"d/a.yaml": AGENT}, "d", "d/a.yaml", "./d", "d/../d")
    assert report.diagnostics == ()
    assert (report.files, report.resources) == (1, 1)


def test_a_directory_without_manifests_is_a_warning(check: Callable[..., Report]) -> None:
    (found,) = check({"a.txt": ""}).diagnostics
    assert (found.severity, found.message) == ("warning", "holds no manifest")


def test_a_json_manifest_is_read_as_json(check: Callable[..., Report]) -> None:
    good = '{"apiVersion": "p42.dev/v1", "kind": "Agent",\n "metadata": {"name": "a"},\n'
    assert check({"a.json": good + ' "spec": {"persona": "\\ud83d\\ude00"}}'}).resources == 1
    bad = check({"a.json": good + ' "spec": {"forge": 1}}'}).diagnostics[0]
    assert (bad.line, bad.column, bad.path) == (3, 20, "spec.forge")
    assert check({"a.json": good + ' "spec": {},}'}).diagnostics[0].code == "not-json"


def test_a_file_whose_name_is_not_utf8_is_refused_here_as_apply_does(tree: Tree) -> None:
    root = tree({"good.yaml": AGENT})
    Path(os.fsdecode(os.fsencode(root) + b"/b\xff.yaml")).write_text(AGENT.replace("muse", "b"))
    report = validate([str(root)])
    assert [found.code for found in report.diagnostics] == ["file-name"]
    assert (report.code, report.resources) == (3, 1)
