"""Cases: want and seen, and the steps and the status that are meant. One `cases.yaml` per kind.

- name: a rule
  want: {spec: {...}, annotations: {...}, files: {NAME: text}}    null = the manifest is gone
  seen: what differs from a world in which the thing never was
    made: true | {spec: ...}     first made real, from this want or from another
    FIELD: value                 then this field of Seen changed by hand
  steps: [Name, Name: detail]
  status: {ready, reason, message?, template?, facts?}    message and template: part of them
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
import yaml

from p42.model.completion import Health
from p42.model.kind import AnyKind, Want
from p42.model.plan import name_of
from p42.model.refs import Ref
from tests.laws.situations import KINDS, made, steps_of, typed

Case = Mapping[str, Any]


def _cases() -> list[Any]:
    """Every case of every kind; a kind without `cases.yaml` is an error."""
    found: list[Any] = []
    for kind in KINDS.values():
        room = kind.spec.__module__.rpartition(".")[0]
        text = (importlib.resources.files(room) / "cases.yaml").read_text("utf-8")
        cases = yaml.safe_load(text)
        found += [pytest.param(kind, case, id=f"{kind.name}: {case['name']}") for case in cases]
    return found


@pytest.mark.parametrize(("kind", "case"), _cases())
def test_case(kind: AnyKind, case: Case) -> None:
    want = _want(kind, case["want"]) if case["want"] is not None else None
    plan = steps_of(kind, want, _seen(kind, case.get("seen") or {}, want))
    expected = [_step(step) for step in case["steps"]]
    told = [(name_of(step), step.detail) for step in plan.steps]
    assert [name for name, _ in told] == [name for name, _ in expected]
    for (_, detail), (_, part) in zip(told, expected, strict=True):
        assert part in detail
    _compare(case["status"], plan.status, in_flight=plan.in_flight)


def _want(kind: AnyKind, given: Mapping[str, Any]) -> Want[Any]:
    files = {name: text.encode() for name, text in given.get("files", {}).items()}
    spec = typed(kind, given["spec"])
    return Want(Ref(kind.name, "hello"), spec, given.get("annotations", {}), files)


def _seen(kind: AnyKind, given: Mapping[str, Any], want: Want[Any] | None) -> Any:
    seen, rest = kind.nothing, dict(given)
    source = rest.pop("made", None)
    if source is not None:
        other = _want(kind, source) if source is not True else want
        assert other is not None, "made: true needs a want"
        seen = made(kind, other)
    known = {field.name: getattr(seen, field.name) for field in fields(seen)}
    for name, value in rest.items():
        assert name in known, f"Seen has no field {name}"
        rest[name] = _like(known[name], value)
    return replace(seen, **rest)


def _like(sample: Any, value: Any) -> Any:
    if isinstance(sample, bytes) or (sample is None and isinstance(value, str)):
        return str(value).encode()
    if isinstance(sample, Health):
        return Health(**value)
    return tuple(value) if isinstance(sample, tuple) else value


def _step(step: Any) -> tuple[str, str]:
    if isinstance(step, Mapping):
        ((name, detail),) = step.items()
        return str(name), str(detail)
    return str(step), ""


def _compare(expected: Mapping[str, Any], status: Any, *, in_flight: bool) -> None:
    assert (status.ready, status.reason) == (str(expected["ready"]), expected["reason"])
    assert in_flight == expected.get("inFlight", False)
    assert expected.get("message", "") in status.text
    assert expected.get("template", "") in status.template
    for name, value in expected.get("facts", {}).items():
        assert status.facts[name] == value
