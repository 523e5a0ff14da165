"""Engines: jsonschema-rs and jsonschema give the same verdicts, in the same words."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.manifest.check import Checker
from p42.manifest.engines import compiler
from p42.manifest.finding import Finding
from p42.manifest.kindbook import KindBook
from p42.manifest.parse import parse
from p42.manifest.validate import Report
from tests.manifest.test_bad_input import CASES

ROOT = Path(__file__).parents[2]
BOOK = KindBook.load()
RUST, PLAIN = Checker("jsonschema-rs"), Checker("jsonschema")


def shipped() -> list[dict[str, Any]]:
    """Every good document of this repository, and one of each kind that uses every field."""
    files = [*(ROOT / "manifests").rglob("*.yaml"), *(ROOT / "examples").rglob("*.yaml")]
    files.append(Path(__file__).parent / "data" / "every-field.yaml")
    documents = (document for file in sorted(files) for document in parse(file.read_text()))
    ours = (d for d in documents if str(d.top("apiVersion")).startswith("p42.dev/"))
    return [d.build() for d in ours if d.top("kind") in BOOK.entries]


CORPUS = shipped()


def findings(checker: Checker, value: dict[str, Any]) -> list[Finding]:
    document = parse(json.dumps(value))[0]
    return checker.check(document, value, BOOK.entries[value["kind"]])


def agree(value: dict[str, Any]) -> list[Finding]:
    ours, theirs = findings(RUST, value), findings(PLAIN, value)
    assert ours == theirs
    return ours


@pytest.mark.parametrize("value", CORPUS, ids=lambda v: f"{v['kind']}-{v['metadata']['name']}")
def test_good_documents_are_good_to_both(value: dict[str, Any]) -> None:
    assert agree(value) == []


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    pairs: Any = ()
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in pairs:
        yield from paths(child, (*path, key))


ODD: list[Any] = [
    None, True, 0, -1, 1.5, 2**60, "", "x", "A b", "a\n", "\x00", "é", "1m", "0", [], [1], ["x"],
    [None], {}, {"a": 1}, {"a\n": "x"}, "٣m", "env:A\n", "file:\x1f", "x" * 2000, "a/b", "..",
]  # fmt: skip


NAMES = ["odd", "sourcefile", "a\n", "01", "7", "source", "url"]
odd = st.sampled_from(ODD).map(copy.deepcopy)  # or a change of one would stay


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """A good document with one to three changes of any sort at any place."""
    value = copy.deepcopy(draw(st.sampled_from(CORPUS)))
    for _ in range(draw(st.integers(1, 3))):
        here = [p for p in paths(value) if p and p != ("kind",)]
        *parents, last = draw(st.sampled_from(here))
        target: Any = value
        for part in parents:
            target = target[part]
        change = draw(st.sampled_from(["set", "drop", "add"]))
        if change == "drop":
            del target[last]
        elif change == "add" and isinstance(target, dict):
            target[draw(st.sampled_from(NAMES))] = draw(odd)
        else:
            target[last] = draw(odd)
    return value


@given(broken())
@settings(max_examples=600, deadline=None)
def test_both_engines_say_the_same_of_anything(value: dict[str, Any]) -> None:
    assert json.dumps(value)
    agree(value)


@given(broken())
@settings(max_examples=300, deadline=None)
def test_what_the_schema_accepts_pydantic_accepts(value: dict[str, Any]) -> None:
    import importlib

    entry = BOOK.entries[value["kind"]]
    if RUST.check(parse(json.dumps(value))[0], value, entry) == []:
        module = importlib.import_module(f"p42.kinds.{entry.folder}.spec")
        module.SPEC.model_validate_json(json.dumps(value["spec"]))


@pytest.mark.parametrize("case", CASES)
def test_a_whole_validation_is_the_same_with_either(
    case: str, check: Callable[..., Report]
) -> None:
    files = {"a.yaml": CASES[case][0]}
    assert check(files, engine="jsonschema") == check(files, engine="jsonschema-rs")


def test_the_manifest_schema_judges_as_the_kinds_schemas_do() -> None:
    chooser = json.loads((ROOT / "schemas" / "manifest.schema.json").read_bytes())
    validator = jsonschema.Draft202012Validator(chooser)
    rust = compiler("jsonschema-rs")(chooser)
    for value in CORPUS:
        assert validator.is_valid(value)
        assert rust.is_valid(value)
        bad = {**value, "spec": {**value["spec"], "odd": 1}}
        assert not validator.is_valid(bad)
        assert not rust.is_valid(bad)
    assert not rust.is_valid({**CORPUS[0], "kind": "Nope"})
