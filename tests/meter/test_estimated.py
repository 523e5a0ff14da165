"""What nobody counted is billed at its worst case, and every report says how much of it that is."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from p42.api.usage import KEYS, Report, reported
from p42.cli import main
from p42.model.completion import Usage
from p42.model.money import FREE
from p42.stores.meter.audit import verified
from tests.meter.scene import JANUARY, Scene, killed, opened

SPEC: dict[str, Any] = {"provider": "anthropic"}
JAN = ("--from", "2026-01", "--to", "2026-01")


async def guessed(scene: Scene, outcome: str, worst: int = 700, **further: Any) -> None:
    made = await scene.reserve(SPEC, worst, **further)
    await scene.settle(made, None, outcome=outcome, price=further.get("price"))


@pytest.fixture
async def mixed(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Counted: 300 and a cut one of 40. Guessed: a cut, a Ctrl-C, and one under way at a kill."""
    with opened(home) as scene:
        await scene.call(SPEC, 300)
        await scene.settle(await scene.reserve(SPEC, 700), 40, outcome="cut")
        await scene.settle(await scene.reserve(SPEC, 700), None, outcome="failed")
        await guessed(scene, "cut")
        await guessed(scene, "cancelled", account="work")
        await scene.reserve(SPEC, 500)
        left = killed(home)
    with opened(left):
        pass
    monkeypatch.setenv("P42_HOME", str(left))
    return left


@pytest.mark.parametrize("by", [(), ("account",), ("model", "day"), ("agent",), KEYS])
def test_rows_and_total_say_what_nobody_counted(mixed: Path, by: tuple[str, ...]) -> None:
    """47,684 micro-USD were printed where the vendor had counted 17,679, and nothing told why."""
    report = reported(mixed, Report(by=by), now=JANUARY)
    total = report["total"]
    assert (total["calls"], total["costMicroUsd"]) == (6, 2_240)
    assert (total["estimated"], total["estimatedMicroUsd"]) == (3, 1_900)
    for figure in ("estimated", "estimatedMicroUsd"):
        assert sum(row[figure] for row in report["rows"]) == total[figure]
    if by == ("account",):
        found = {row["account"]: row["estimatedMicroUsd"] for row in report["rows"]}
        assert found == {"personal": 1_200, "work": 700}
    assert verified(mixed).what == ""


def test_the_table_the_json_and_the_csv_tell_it(
    mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["usage", *JAN]) == 0
    said = capsys.readouterr().err
    assert "nobody counted 3 of these calls, so they stand at their worst case" in said
    assert "$0.0019 of $0.00224" in said
    main.run(["usage", *JAN, "-o", "json"])
    assert json.loads(capsys.readouterr().out)["total"]["estimated"] == 3
    main.run(["usage", *JAN, "-o", "csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert sum(int(row["estimatedMicroUsd"]) for row in rows) == 1_900


def test_where_all_was_counted_nothing_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("P42_HOME", str(home))
    assert main.run(["usage", *JAN]) == 0
    assert "nobody counted" not in capsys.readouterr().err


async def test_one_call_that_nobody_counted_is_told_as_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(home) as scene:
        await guessed(scene, "cut")
    monkeypatch.setenv("P42_HOME", str(home))
    assert main.run(["usage", *JAN]) == 0
    assert "nobody counted 1 of these calls, so it stands at its worst case" in (
        capsys.readouterr().err
    )


async def test_usage_that_cannot_be_and_a_price_that_went_are_guesses_too(home: Path) -> None:
    with opened(home) as scene:
        await scene.settle(await scene.reserve(SPEC, 700), Usage(input=-5))
        await scene.settle(await scene.reserve(SPEC, 600), 10, price=None)
        await scene.settle(await scene.reserve(SPEC, 500), 0, price=None)
        total = reported(home, Report(), now=JANUARY)["total"]
    assert (total["estimated"], total["estimatedMicroUsd"]) == (2, 1_300)


async def test_what_has_no_price_is_counted_as_a_guess_and_costs_none(home: Path) -> None:
    with opened(home) as scene:
        await guessed(scene, "cut", price=None)
        total = reported(home, Report(), now=JANUARY)["total"]
    assert (total["estimated"], total["estimatedMicroUsd"], total["unpriced"]) == (1, 0, 1)


@pytest.mark.parametrize("outcome", ["cancelled", "failed"])
async def test_a_guess_that_cost_nothing_may_be_asked_again_as_before(
    home: Path, outcome: str
) -> None:
    usage = Usage(input=-5) if outcome == "failed" else None
    with opened(home) as scene:
        for _ in range(2):
            made = await scene.reserve(SPEC, 700, request="free", price=FREE)
            await scene.settle(made, usage, outcome=outcome, price=FREE)
        total = reported(home, Report(), now=JANUARY)["total"]
    assert (total["calls"], total["estimated"], total["estimatedMicroUsd"]) == (2, 2, 0)
