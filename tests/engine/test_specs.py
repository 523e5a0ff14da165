"""Typed specs, defaults and the settled status: functions of the documents alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from p42.engine.needs import Cause
from p42.engine.settled import body_of
from p42.engine.specs import Specs
from p42.model.reasons import REASONS, Mend
from p42.model.refs import Ref
from p42.model.resource import Resource
from p42.model.status import Status, reconciled
from tests.engine.home import Home, ref
from tests.engine.lines import resource
from tests.engine.toys import Land, kinds


@pytest.fixture
def specs(tmp_path: Path) -> Specs:
    return Specs(kinds(Land(tmp_path)), fallback={"Pot": "configured"})


def test_a_spec_is_built_once_per_change(specs: Specs) -> None:
    first = specs.typed(resource("Note a text=x"))
    assert specs.typed(resource("Note a text=x")) is first
    assert specs.typed(resource("Note a text=y")).spec.text == "y"


def test_the_configured_default_counts_where_no_manifest_names_one(specs: Specs) -> None:
    assert specs.typed(resource("Note a")).needs == (Ref("Pot", "configured"),)
    assert specs.choose([resource("Pot p default=true")]) == {"Note"}
    assert specs.typed(resource("Note a")).needs == (Ref("Pot", "p"),)
    assert specs.choose([resource("Pot p default=true"), resource("Pot q")]) == frozenset()


def test_what_a_spec_names_is_not_completed(specs: Specs) -> None:
    assert specs.typed(resource("Note a pot=mine")).needs == (Ref("Pot", "mine"),)


def test_what_pydantic_refuses_is_an_error_of_ours(specs: Specs) -> None:
    wrong = Resource(ref("Note/a"), resource("Note a").place, {"text": 1}, digest="d")
    with pytest.raises(ValidationError):
        specs.typed(wrong)


@pytest.mark.looptime
async def test_a_spec_that_slips_through_the_schema_stops_only_itself(home: Home) -> None:
    home.save("a.yaml", "Note a text=true")  # a boolean where the toy's schema looks away
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        rows = engine.view().rows
        assert rows[ref("Note/a")].status.reason == "InternalError"
        assert rows[ref("Note/b")].status.ready == "True"


def test_only_settled_reasons_are_written() -> None:
    for name, reason in REASONS.items():
        body = body_of(Status("False", name, message="at 12:00 on host x"), "digest", None)
        assert (body is not None) == reason.settled
        assert "12:00" not in str(body)


def test_the_body_has_template_and_facts_but_nothing_live() -> None:
    status = reconciled(facts={"endpoint": "auto"}, live={"pid": 7}, message="pid 7")
    assert body_of(status, "9f3c1a0b7d42", None) == {
        "observedSpec": "9f3c1a0b7d42",
        "conditions": [{"type": "Ready", "status": "True", "reason": "Reconciled"}],
        "endpoint": "auto",
    }


def test_waiting_is_as_settled_as_its_root() -> None:
    status = Status("False", "Waiting", template="Pot/p: X")
    settled, passing = (
        Cause(ref("Pot/p"), reason, Mend.USER) for reason in ("KeyMissing", "InProgress")
    )
    assert body_of(status, "d", settled) is not None
    assert body_of(status, "d", passing) is None
