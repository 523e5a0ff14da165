"""get: the shapes of CONTRACT.md to the letter, plain tables where no person looks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.cli.scripted import Parts, Refusal, Scripted, item, thing

P42 = Callable[..., Any]


def test_a_table_into_a_pipe_is_plain_and_aligned(daemon: Scripted, p42: P42) -> None:
    said = p42("get", "commands")
    assert said.out == "NAME    READY   AGE\nhello   True    3s\nbye     False   12m\n"
    assert (said.code, said.err) == (0, "")
    assert daemon.payload("table") == {"kind": "commands"}


def test_several_are_a_list_and_one_by_name_is_an_object(daemon: Scripted, p42: P42) -> None:
    listed = json.loads(p42("get", "commands", "-o", "json").out)
    assert list(listed) == ["apiVersion", "kind", "items"]
    assert (listed["apiVersion"], listed["kind"]) == ("p42.dev/v1", "List")
    daemon.answers["get"] = {"items": [thing("Command", "hello")]}
    assert json.loads(p42("get", "cmd/hello", "-o", "json").out) == thing("Command", "hello")
    assert daemon.payload("get") == {"kind": "cmd", "names": ["hello"]}
    assert json.loads(p42("get", "cmd", "hello", "-o", "json").out)["kind"] == "Command"
    listed = json.loads(p42("get", "commands", "-o", "json").out)
    assert listed["kind"] == "List", "one item of a kind is a List still"


def test_every_form_says_the_same(daemon: Scripted, p42: P42) -> None:
    as_json = json.loads(p42("get", "commands", "-o", "json").out)
    assert yaml.safe_load(p42("get", "commands", "-o", "yaml").out) == as_json
    assert p42("get", "commands", "-o", "name").out == "command/hello\ncommand/bye\n"
    path = "jsonpath={.items[*].metadata.name}"
    assert p42("get", "commands", "-o", path).out == "hello bye\n"


def test_yaml_keeps_scripts_readable_and_words_words(daemon: Scripted, p42: P42) -> None:
    source = "#!/bin/sh\necho 'a: b'\n"
    daemon.answers["get"] = {"items": [thing("Command", "no", source=source, language="no")]}
    out = p42("get", "command/no", "-o", "yaml").out
    assert "source: |\n    #!/bin/sh\n" in out
    assert yaml.safe_load(out)["spec"] == {"source": source, "language": "no"}


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["commands", "a", "b"], {"kind": "commands", "names": ["a", "b"]}),
        (["cmd/a", "cmd/b"], {"kind": "cmd", "names": ["a", "b"]}),
        (["all"], {"kind": "all"}),
        (["commands", "-l", "team=sea"], {"kind": "commands", "selector": "team=sea"}),
        (["commands", "-o", "wide"], {"kind": "commands", "wide": True}),
    ],
)
def test_names_may_be_given_as_kubectl_takes_them(
    words: list[str], asked: dict[str, Any], daemon: Scripted, p42: P42
) -> None:
    assert p42("get", *words).code == 0
    assert daemon.payload("table") == asked


def test_several_kinds_are_several_tables(daemon: Scripted, p42: P42) -> None:
    out = p42("get", "agents,commands").out
    assert out.count("NAME") == 2
    assert [asked[1]["kind"] for asked in daemon.asked] == ["agents", "commands"]


def test_nothing_there_is_a_notice_and_no_output(daemon: Scripted, p42: P42) -> None:
    daemon.answers["table"] = {"columns": ["NAME"], "rows": [], "empty": "no commands declared"}
    said = p42("get", "commands")
    assert (said.code, said.out, said.err) == (0, "", "no commands declared\n")


def test_a_manifest_cannot_drive_the_terminal(daemon: Scripted, p42: P42) -> None:
    row = ["a", "\x1b[2J\x07", "line\nbreak"]
    daemon.answers["table"] = {"columns": ["NAME", "X", "MESSAGE"], "rows": [row], "empty": ""}
    out = p42("get", "commands").out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert out.count("\n") == 2


@pytest.mark.parametrize("output", ["jsn", "jsonpath=", "go-template=x"])
def test_an_unknown_output_names_those_there_are(output: str, home: Any, p42: P42) -> None:
    said = p42("get", "commands", "-o", output)
    assert said.code == 3
    assert "table, wide, json, yaml, name, jsonpath=EXPR" in said.err


def test_a_refusal_keeps_its_sentence_and_code(daemon: Scripted, p42: P42) -> None:
    def refuse(payload: dict[str, Any]) -> Any:
        raise Refusal("no kind is called 'comands', did you mean commands?", code=3)

    daemon.answers["table"] = refuse
    said = p42("get", "comands")
    assert (said.code, said.out) == (3, "")
    assert said.err == "p42: no kind is called 'comands', did you mean commands?\n"


def test_without_a_daemon_the_code_is_5_and_says_what_to_do(home: Any, p42: P42) -> None:
    said = p42("get", "commands")
    assert said.code == 5
    assert "p42 start" in said.err


BROKEN = {
    "file": "/m/b.yaml", "line": 3, "column": 5, "path": "spec.x", "severity": "error",
    "code": "unknown-field", "message": "unknown field", "suggestion": "did you mean y?",
    "excerpt": "    x: 1", "width": 1,
}  # fmt: skip


def _status(daemon: Scripted, *, code: int, broken: list[Any], held: list[str]) -> None:
    items = [item("hello"), item("bye", "Blocked", message="no node here")]
    daemon.answers["overview"] = {
        "inSync": code == 0, "items": items, "broken": broken, "held": held, "code": code,
    }  # fmt: skip
    columns = ["KIND", "NAME", "READY", "DRIFT", "REASON", "AGE", "MESSAGE"]
    rows = [["-", "/m/b.yaml:3:5", "False", "-", "Invalid", "-", "x"]] if broken else []
    rows += [["Command", "hello", "True", "no", "Reconciled", "3s", ""]]
    daemon.answers["table"] = {"columns": columns, "rows": rows, "empty": "nothing declared"}


def test_status_prints_contracts_object_and_exits_2(daemon: Scripted, p42: P42) -> None:
    _status(daemon, code=2, broken=[BROKEN], held=[])
    said = p42("get", "status", "-o", "json")
    assert said.code == 2
    body = json.loads(said.out)
    assert list(body) == ["inSync", "items", "broken", "held"]
    assert list(body["items"][0]) == [
        "kind", "name", "ready", "drift", "reason", "message", "file", "line",
    ]  # fmt: skip
    assert list(body["broken"][0]) == [
        "file", "line", "column", "path", "severity", "code", "message", "suggestion",
    ]  # fmt: skip


def test_status_shows_broken_files_first_and_each_once(daemon: Scripted, p42: P42) -> None:
    _status(daemon, code=2, broken=[BROKEN], held=["Command/old"])
    said = p42("get", "status")
    assert said.out.startswith("/m/b.yaml:3:5: error: spec.x: unknown field")
    assert "    3 |     x: 1\n" in said.out
    assert said.out.count("/m/b.yaml") == 1
    assert "p42 apply --prune" in said.err
    assert "command/old" in said.err


@pytest.mark.parametrize("words", [
    ("status", "command/x"), ("status", "x"), ("command/x", "status"), ("status", "-w", "x"),
    ("status", "command/x", "-o", "json"),
])  # fmt: skip
def test_the_status_of_one_is_asked_for_otherwise(
    daemon: Scripted, p42: P42, words: tuple[str, ...]
) -> None:
    said = p42("get", *words)
    assert (said.code, said.out) == (64, "")
    assert "p42 get KIND/NAME" in said.err
    assert daemon.asked == []


def test_a_command_may_be_called_status(daemon: Scripted, p42: P42) -> None:
    daemon.answers["table"] = {"columns": ["NAME"], "rows": [["status"]], "empty": ""}
    for words in (("command/status",), ("command", "status")):
        assert p42("get", *words).out.split() == ["NAME", "status"]


def test_status_in_sync_exits_0(daemon: Scripted, p42: P42) -> None:
    _status(daemon, code=0, broken=[], held=[])
    assert p42("get", "status").code == 0


def _change(name: str, ready: str) -> dict[str, Any]:
    return {
        "change": "is", "kind": "Command", "name": name, "object": thing("Command", name),
        "columns": ["NAME", "READY"], "row": [name, ready],
    }  # fmt: skip


def test_a_watch_prints_rows_as_they_come_and_objects_a_line(daemon: Scripted, p42: P42) -> None:
    gone = {"change": "gone", "kind": "Command", "name": "a"}
    daemon.answers["watch"] = Parts([_change("a", "Unknown"), _change("longer", "True"), gone, {}])
    said = p42("get", "commands", "-w")
    assert said.out.splitlines() == [
        "NAME   READY", "a      Unknown", "longer   True", "command/a is gone",
    ]  # fmt: skip
    lines = p42("get", "commands", "-w", "-o", "json").out.splitlines()
    assert [json.loads(line)["metadata"]["name"] for line in lines] == ["a", "longer", "a"]
    assert json.loads(lines[2])["gone"] is True
