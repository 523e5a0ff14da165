"""The laws every kind keeps, on `plan`, `predict` and `finish` alone. One module for all kinds."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from p42.engine.outcome import checked
from p42.manifest.kindbook import deref
from p42.model.kind import AnyKind, Published
from p42.model.plan import Outcome
from p42.model.refs import Ref
from tests.laws.situations import (
    KINDS,
    after,
    crashed,
    entry_of,
    made,
    one_pass,
    raw_specs,
    seen_beside,
    stable,
    steps_of,
    typed,
    wants,
)

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
modest = settings(max_examples=40)
# What follows from another field is never changed on its own.
DERIVED = {"Command": {"marked", "installer"}}


@every_kind
@modest
@given(data=st.data())
def test_one_pass_reaches_an_empty_plan(kind: AnyKind, data: st.DataObject) -> None:
    want = data.draw(wants(kind))
    seen = data.draw(seen_beside(kind, want))
    rest = steps_of(kind, want, one_pass(kind, want, seen, ok=data.draw(st.booleans())))
    assert rest.steps == ()
    assert not rest.in_flight


@every_kind
@modest
@given(data=st.data())
def test_after_a_crash_at_any_step_one_more_pass_gets_to_the_same_end(
    kind: AnyKind, data: st.DataObject
) -> None:
    want = data.draw(st.one_of(st.none(), wants(kind)))
    seen = data.draw(seen_beside(kind, want or data.draw(wants(kind))))
    ok = data.draw(st.booleans())
    undisturbed = stable(kind, one_pass(kind, want, seen, ok=ok))
    steps = steps_of(kind, want, seen).steps
    for done in range(len(steps) + 1):
        halfway = crashed(kind, after(kind, seen, steps[:done]))
        assert stable(kind, one_pass(kind, want, halfway, ok=ok)) == undisturbed


@every_kind
@modest
@given(data=st.data())
def test_a_dry_run_plays_work_to_its_end_without_knowing_which(
    kind: AnyKind, data: st.DataObject
) -> None:
    """`diff` told of the tests of a new command and not of the file that comes after them."""
    want = data.draw(wants(kind))
    seen = data.draw(seen_beside(kind, want))
    seen = after(kind, seen, steps_of(kind, want, seen).steps)
    played = (
        kind.finish(seen, Outcome("", ok=True)) if steps_of(kind, want, seen).in_flight else seen
    )
    assert not steps_of(kind, want, played).in_flight


@every_kind
@modest
@given(data=st.data())
def test_gone_is_gone(kind: AnyKind, data: st.DataObject) -> None:
    want = data.draw(wants(kind))
    seen = one_pass(kind, None, data.draw(seen_beside(kind, want)))
    assert steps_of(kind, None, seen).steps == ()
    assert steps_of(kind, None, kind.nothing).steps == ()


@every_kind
@modest
@given(data=st.data())
def test_what_was_made_and_taken_down_leaves_nothing(kind: AnyKind, data: st.DataObject) -> None:
    want = data.draw(wants(kind))
    left = one_pass(kind, None, made(kind, want))
    for field in fields(left):
        if field.name not in kind.volatile:
            assert getattr(left, field.name) == getattr(kind.nothing, field.name)


@every_kind
@modest
@given(data=st.data())
def test_a_plan_with_steps_never_says_ready_and_its_reason_is_in_the_table(
    kind: AnyKind, data: st.DataObject
) -> None:
    want = data.draw(st.one_of(st.none(), wants(kind)))
    plan = steps_of(kind, want, data.draw(seen_beside(kind, want or data.draw(wants(kind)))))
    checked(plan.status, in_sync=not plan.steps and not plan.in_flight)
    assert not (plan.steps and plan.in_flight)


@every_kind
@modest
@given(data=st.data())
def test_planning_twice_gives_the_same_plan(kind: AnyKind, data: st.DataObject) -> None:
    want = data.draw(wants(kind))
    seen = data.draw(seen_beside(kind, want))
    assert steps_of(kind, want, seen) == steps_of(kind, want, seen)


@every_kind
@modest
@given(data=st.data())
def test_every_step_has_one_line_for_a_person(kind: AnyKind, data: st.DataObject) -> None:
    want = data.draw(wants(kind))
    for step in steps_of(kind, want, data.draw(seen_beside(kind, want))).steps:
        assert step.detail
        assert "\n" not in step.detail


@every_kind
@modest
@given(data=st.data())
def test_every_observed_field_changed_by_hand_is_drift(kind: AnyKind, data: st.DataObject) -> None:
    want = data.draw(wants(kind))
    there = made(kind, want)
    assume(steps_of(kind, want, there).status.ready == "True")
    other = data.draw(seen_beside(kind, want))
    for field in fields(there):
        mine, theirs = getattr(there, field.name), getattr(other, field.name)
        if field.name in kind.volatile | DERIVED.get(kind.name, set()) or mine == theirs:
            continue
        changed = replace(there, **{field.name: theirs})
        assert steps_of(kind, want, changed).steps, field.name


@every_kind
@modest
@given(data=st.data())
def test_what_the_schema_accepts_the_spec_accepts(kind: AnyKind, data: st.DataObject) -> None:
    raw = data.draw(raw_specs(kind))
    spec = typed(kind, raw)
    assert typed(kind, spec.model_dump(mode="json", by_alias=True)) == spec


@every_kind
@modest
@given(data=st.data())
def test_needs_are_the_references_that_the_schema_marks(kind: AnyKind, data: st.DataObject) -> None:
    raw = data.draw(raw_specs(kind))
    marked = {
        Ref(target, name)
        for path, target in entry_of(kind.name).refs
        for name in _at({"spec": raw}, path)
    }
    assert set(kind.needs(typed(kind, raw))) == marked


@every_kind
@modest
@given(data=st.data())
def test_what_it_executes_depends_on_the_want_alone(kind: AnyKind, data: st.DataObject) -> None:
    want = data.draw(wants(kind))
    assert kind.executes(want) == kind.executes(replace(want, annotations={}, needs={}))


@every_kind
@modest
@given(data=st.data())
def test_what_it_can_do_without_is_a_need_of_it_and_changes_no_plan(
    kind: AnyKind, data: st.DataObject
) -> None:
    want = data.draw(wants(kind))
    spared = set(kind.spares(want))
    assert spared <= set(kind.needs(want.spec))
    seen = data.draw(seen_beside(kind, want))
    told = replace(want, needs={ref: Published({"runtime": "process"}) for ref in spared})
    assert steps_of(kind, told, seen) == steps_of(kind, want, seen)


@every_kind
def test_a_column_of_the_spec_is_a_field_of_the_spec(kind: AnyKind) -> None:
    known = entry_of(kind.name).schema["properties"]["spec"]["properties"]
    for column in kind.columns:
        room, _, field = column.value.partition(".")
        assert room in ("spec", "status")
        assert room != "spec" or field in known


@every_kind
def test_every_field_of_a_spec_says_what_it_means(kind: AnyKind) -> None:
    schema = entry_of(kind.name).schema
    for part in (schema["properties"]["spec"], *schema.get("$defs", {}).values()):
        for name, field in part.get("properties", {}).items():
            assert deref(field, schema).get("description"), f"{kind.name}: {name}"


def _at(value: Any, path: tuple[str, ...]) -> list[Any]:
    if not path:
        return [value]
    head, rest = path[0], path[1:]
    if head == "*":
        items = value.values() if isinstance(value, dict) else value
        return [found for item in items for found in _at(item, rest)]
    return _at(value[head], rest) if head in value else []
