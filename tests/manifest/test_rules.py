"""Rules across documents: each error names every place; what may stand elsewhere is a warning."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from p42.manifest.circles import circles
from p42.manifest.kindbook import KindBook, entry
from p42.manifest.rules import SPARE, Rules
from p42.manifest.validate import Report
from p42.model.refs import Ref
from p42.model.resource import Place, Resource

Check = Callable[..., Report]


def document(kind: str, name: str, spec: str) -> str:
    return f"apiVersion: p42.dev/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def toy() -> KindBook:
    """Kinds of which one may need its own sort: of the five, none can."""
    ref = {"type": "string", "x-p42-refers": "Toy"}
    spec = {"properties": {"next": ref, "more": {"type": "array", "items": ref}}}
    defaulted = {"properties": {"toy": {**ref, "x-p42-default-of": "Toy"}}}
    about = {"Toy": spec, "Child": defaulted}
    return KindBook(
        entry(kind.lower(), {"x-p42": {"kind": kind, "plural": f"{kind}s", "short": kind[0]},
                             "properties": {"spec": body}})
        for kind, body in about.items()
    )  # fmt: skip


def made(kind: str, name: str, **spec: Any) -> Resource:
    return Resource(Ref(kind, name), Place(f"/{name}.yaml", 0, 3), spec)


def test_a_circle_of_needs_names_every_place() -> None:
    resources = [made("Toy", "a", next="b"), made("Toy", "b", more=["x", "c"]),
                 made("Toy", "c", next="a"), made("Toy", "d", next="a")]  # fmt: skip
    found = Rules(toy()).cross(resources)
    assert {ref.name for ref in found} == {"a", "b", "c"}
    (finding,) = found[Ref("Toy", "b")]
    assert (finding.path, finding.line, finding.file) == ("spec.more[1]", 3, "/b.yaml")
    for name in "abc":
        assert f"Toy/{name} (/{name}.yaml:3:1)" in finding.message


def test_a_thing_cannot_need_itself() -> None:
    assert Rules(toy()).cross([made("Toy", "a", next="a")])[Ref("Toy", "a")][0].code == "cycle"


def test_two_defaults_are_an_error_at_both() -> None:
    resources = [made("Toy", "a", default=True), made("Toy", "b", default=True)]
    found = Rules(toy()).cross(resources)
    assert "Toy/b (/b.yaml:3:1) is too" in found[Ref("Toy", "a")][0].message
    assert "Toy/a (/a.yaml:3:1) is too" in found[Ref("Toy", "b")][0].message


def test_one_default_and_a_child_of_it_are_fine() -> None:
    resources = [made("Toy", "a", default=True), made("Child", "c"), made("Toy", "b")]
    assert Rules(toy()).cross(resources) == {}


def test_a_change_of_a_resource_is_judged_anew() -> None:
    rules = Rules(toy())
    assert rules.cross([made("Toy", "a", next="a")])
    assert not rules.cross([made("Toy", "a", next="b")])


def test_names_that_are_gone_are_not_remembered() -> None:
    """10,000 projects created and deleted once cost 10 MB: each stayed in here."""
    rules = Rules(toy())
    gc.collect()
    before = sum(isinstance(each, Resource) for each in gc.get_objects())
    for number in range(1000):
        rules.cross([made("Toy", f"t{number}")])
    gc.collect()
    assert sum(isinstance(each, Resource) for each in gc.get_objects()) < before + 2 * SPARE


@given(st.dictionaries(st.integers(0, 8), st.lists(st.integers(0, 8), max_size=4), min_size=9))
def test_every_node_on_a_circle_is_in_one_that_is_told(graph: dict[int, list[int]]) -> None:
    told = list(circles(graph))
    for circle in told:
        assert len(set(circle)) == len(circle)
        for node, after in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert after in graph[node]
    reach = {n: set(graph[n]) for n in graph}
    for _ in graph:
        for node in graph:
            reach[node] |= set().union(*(reach[other] for other in reach[node]))
    assert {n for circle in told for n in circle} == {n for n in graph if n in reach[n]}


def test_an_unresolved_reference_is_a_warning_with_a_suggestion(check: Check) -> None:
    report = check({
        "a.yaml": document("Agent", "muse", "{accountRef: persnal, tools: [tasks]}"),
        "b.yaml": document("Account", "personal", "{provider: local}"),
    })  # fmt: skip
    first, second = report.diagnostics
    assert (first.severity, first.path, first.line, first.column) == (
        "warning", "spec.accountRef", 4, 20)  # fmt: skip
    assert first.message == "Account/persnal is not declared here"
    assert first.suggestion == "did you mean personal?"
    assert second.path == "spec.tools[0]"
    assert report.code == 0


def test_a_broken_document_still_declares_its_name(check: Check) -> None:
    report = check({
        "a.yaml": document("Agent", "muse", "{accountRef: personal}"),
        "b.yaml": document("Account", "personal", "{provider: nobody}"),
    })  # fmt: skip
    assert [found.file for found in report.diagnostics] == ["b.yaml"]


def test_two_default_accounts_are_told_at_their_field(check: Check) -> None:
    spec = "{provider: local, default: true}"
    report = check({"a.yaml": document("Account", "a", spec) + "---\n"
                    + document("Account", "b", spec)})  # fmt: skip
    assert [(d.path, d.line) for d in report.diagnostics] == [
        ("spec.default", 4), ("spec.default", 9)]  # fmt: skip
    assert "Account/b (a.yaml:6) is too" in report.diagnostics[0].message


def test_an_annotation_of_ours_that_means_nothing_is_a_warning(check: Check) -> None:
    text = document("Account", "a", "{provider: local}").replace(
        "{name: a}", "{name: a, annotations: {p42.dev/pause: x, mine: y}}"
    )
    (found,) = check({"a.yaml": text}).diagnostics
    assert (found.severity, found.suggestion) == ("warning", "did you mean p42.dev/paused?")


def test_an_unset_variable_is_a_matter_of_running(check: Check) -> None:
    spec = "{provider: anthropic, key: 'env:SURELY_NOT_SET'}"
    assert check({"a.yaml": document("Account", "a", spec)}).diagnostics == ()
