"""`p42 usage`: sums that add up, in the shapes of the contract, with a daemon and without."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p42.api.asking import read
from p42.api.usage import KEYS, Report, reported, span, usage
from p42.api.verbs import VERBS
from p42.cli import bars, main
from p42.model.completion import Usage
from p42.model.errors import InvalidInput
from p42.model.money import FREE
from p42.model.ports import World
from p42.runtimes.clock import SystemClock
from p42.wire.port42 import Request
from tests.ai.scene import scene as accounts_of
from tests.ai.scene import spec as account_of
from tests.cli.scripted import Scripted
from tests.meter.scene import DAY, JANUARY, Timepiece, hard, opened
from tests.providers.vendors import AnthropicServer

SPEC: dict[str, Any] = {"provider": "anthropic"}
FIGURES = [
    "calls", "inputTokens", "outputTokens", "cachedTokens", "costMicroUsd", "unpriced",
    "estimated", "estimatedMicroUsd",
]  # fmt: skip
JAN = ("--from", "2026-01", "--to", "2026-01")


@pytest.fixture
async def spent(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three accounts over a few days of January, one call in December."""
    clock = Timepiece(JANUARY - 20 * DAY)
    with opened(home, clock) as scene:
        await scene.call(SPEC, 77, account="work")
        clock.at = JANUARY
        for day in range(3):
            await scene.call(SPEC, 1_000 * (day + 1), account="work")
            reservation = await scene.reserve(SPEC, 500, account="personal")
            await scene.settle(reservation, Usage(400, 50, cached=100))
            reservation = await scene.reserve(SPEC, 500, account="here", price=FREE)
            await scene.settle(reservation, Usage(300, 20), price=FREE)
            clock.go(DAY)
        await scene.call(SPEC, 5, account="odd", price=None)
    monkeypatch.setenv("P42_HOME", str(home))
    return home


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def p42(spent: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main.run(["usage", *argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_json_is_what_the_contract_says(p42: Run) -> None:
    code, out, _ = p42(*JAN, "-o", "json")
    report = json.loads(out)
    assert code == 0
    assert list(report) == ["from", "to", "total", "rows"]
    assert (report["from"], report["to"]) == ("2026-01-01", "2026-01-31")
    assert report["total"] == {
        "calls": 10, "inputTokens": 8_105, "outputTokens": 210, "cachedTokens": 300,
        "costMicroUsd": 7_200, "unpriced": 1, "estimated": 0, "estimatedMicroUsd": 0,
    }  # fmt: skip
    assert [list(row) for row in report["rows"]] == [[*KEYS, *FIGURES]] * 10
    assert report["rows"][0]["day"] == "2026-01-15"


@pytest.mark.parametrize("by", [("account",), ("model", "day"), ("agent",), KEYS])
def test_rows_add_up_to_the_total_however_they_are_grouped(
    spent: Path, by: tuple[str, ...]
) -> None:
    report = reported(spent, Report(by=by), now=JANUARY + 10 * DAY)
    for figure in FIGURES:
        assert sum(row[figure] for row in report["rows"]) == report["total"][figure]
    for row in report["rows"]:
        assert all((row[key] is None) == (key not in by) for key in KEYS)


async def test_the_verb_says_the_same_and_reads_its_request_strictly(spent: Path) -> None:
    async with accounts_of(spent) as there:
        clock = Timepiece(JANUARY + 10 * DAY)
        world = World(home=spent, clock=clock, models=there.accounts)
        asked = {"from": "2026-01-16", "to": "2026-01-16", "by": ["account"]}
        request = read(VERBS["usage"], Request("usage", "1", asked, given=True))
        report = await usage(world, request)
        assert {row["account"]: row["costMicroUsd"] for row in report["rows"]} == {
            "here": 0, "personal": 400, "work": 2_000,
        }  # fmt: skip
        with pytest.raises(InvalidInput):
            read(VERBS["usage"], Request("usage", "1", {"since": "2026-01-16"}, given=True))
        with pytest.raises(InvalidInput, match="by 'price': there is account, agent, model, day"):
            await usage(world, Report(by=("price",)))


async def test_what_was_answered_a_moment_ago_is_in_the_report(tmp_path: Path) -> None:
    """The answer comes before its bill is on disk; whoever asks what it cost still finds it."""
    async with (
        AnthropicServer() as server,
        accounts_of(tmp_path, main=account_of(server)) as there,
    ):
        world = World(home=tmp_path, clock=SystemClock(), models=there.accounts)
        for calls in range(1, 6):
            await there.ask()
            assert (await usage(world, Report()))["total"]["calls"] == calls


def test_csv_is_read_by_others(p42: Run) -> None:
    _, out, _ = p42(*JAN, "-o", "csv", "--by", "account,day")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == [*KEYS, *FIGURES]
    assert sum(int(row["costMicroUsd"]) for row in rows) == 7_200
    assert {row["model"] for row in rows} == {""}


def test_the_table_has_the_dearest_first_and_a_total(p42: Run) -> None:
    code, out, err = p42(*JAN)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["ACCOUNT", "AGENT", "MODEL", "CALLS", "INPUT", "OUTPUT", "CACHED",
                                "COST"]  # fmt: skip
    assert [line.split()[0] for line in lines[1:]] == ["work", "personal", "here", "odd", "total"]
    assert lines[1].split()[-1] == "$0.006"
    assert "█" not in out
    assert "from 2026-01-01 to 2026-01-31 (UTC)" in err


def test_calls_without_a_price_are_told(p42: Run) -> None:
    assert "1 call has no known price and counts as 0: name it in spec.prices" in p42(*JAN)[2]


def test_nothing_is_no_error(p42: Run, tmp_path: Path) -> None:
    assert p42("--from", "2020-01", "--to", "2020-01")[:2] == (
        0, "no calls from 2020-01-01 to 2020-01-31 (UTC)\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("--from", "yesterday"), 3, "'yesterday' is no day such as 2026-01-31"),
        (("--from", "2026-02", "--to", "2026-01"), 3, "the wrong way round"),
        (("--by", "price"), 3, "by 'price': there is account"),
        (("-o", "yaml"), 3, "there is: table, csv, json"),
        (("--verify", "--check", "x"), 64, "ask one at a time"),
        (("--key", "x"), 64, "--key goes with --check"),
    ],
)
def test_what_cannot_be_asked_is_told(
    p42: Run, argv: tuple[str, ...], code: int, said: str
) -> None:
    assert p42(*argv)[0] == code
    assert said in p42(*argv)[2]


@pytest.mark.parametrize(
    ("from_", "to", "first", "last"),
    [
        (None, None, "2026-01-01", "2026-01-25"),
        ("7d", None, "2026-01-18", "2026-01-25"),
        ("2025-12", None, "2025-12-01", "2026-01-25"),
        (None, "2025-12", "2025-12-01", "2025-12-31"),
        ("2025-02-03", "2025-02", "2025-02-03", "2025-02-28"),
    ],
)
def test_days_are_named_as_people_name_them(
    from_: str | None, to: str | None, first: str, last: str
) -> None:
    found = span(from_, to, now=JANUARY + 10 * DAY)
    assert [day.isoformat() for day in found] == [first, last]


def test_a_daemon_that_runs_is_asked(p42: Run, spent: Path) -> None:
    daemon = Scripted(spent)
    daemon.answers["usage"] = {"from": "a", "to": "b", "total": {}, "rows": []}
    try:
        assert p42("--from", "7d", "--by", "agent")[1] == "no calls from a to b (UTC)\n"
    finally:
        daemon.close()
    assert daemon.asked[-1] == ("usage", {"from": "7d", "to": None, "by": ["agent"]})


def test_verify_names_the_first_bad_call_and_nothing_is_exported_then(
    p42: Run, spent: Path, tmp_path: Path
) -> None:
    assert p42("--verify")[:2] == (0, "every call is as it was written: 11\n")
    db = sqlite3.connect(spent / "state.db", isolation_level=None)
    db.execute("UPDATE calls SET cost = 0 WHERE number = 2")
    db.close()
    code, out, err = p42("--verify")
    assert (code, out) == (1, "")
    assert "the journal does not hold: call 2: it is not what was written" in err
    code, out, _ = p42("--verify", "-o", "json")
    assert (code, json.loads(out)["firstBad"]) == (1, 2)
    assert p42("--export", str(tmp_path / "x"))[0] == 1
    assert not (tmp_path / "x").exists()


def test_an_export_is_checked_by_its_home_and_elsewhere(
    p42: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "calls.jsonl"
    code, out, _ = p42("--export", str(file), *JAN)
    assert code == 0
    assert out.startswith(f"{file}: calls from 2026-01-01 to 2026-01-31: 10, signed in {file}.sig")
    code, out, _ = p42("--check", str(file))
    assert code == 0
    assert out == f"{file} is what was signed: calls from 2026-01-01 to 2026-01-31: 10\n"
    monkeypatch.setenv("P42_HOME", str(tmp_path / "elsewhere"))
    code, out, _ = p42("--check", str(file), "--key", f"{file}.pub", "-o", "json")
    assert (code, json.loads(out)["first"]) == (0, 2)
    file.write_bytes(file.read_bytes().replace(b'"cost":2000', b'"cost":2001', 1))
    code, _, err = p42("--check", str(file), "--key", f"{file}.pub")
    assert code == 1
    assert "call 5 is not what was written" in err


def test_on_a_terminal_there_are_bars(spent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        monkeypatch.setattr("os.get_terminal_size", lambda _: os.terminal_size((120, 40)))
        assert main.run(["usage", *JAN]) == 0
        terminal.flush()
        said = b""
        while b"total" not in said:
            said += os.read(ours, 65536)
    os.close(ours)
    shown = said.decode().splitlines()
    assert shown[1].rstrip().endswith("█" * bars.WIDE)
    assert 0 < shown[2].count("█") < bars.WIDE


def test_a_bar_is_as_long_as_its_part_and_seen_if_it_is_anything() -> None:
    assert bars.drawn([8, 4, 1, 0], wide=8) == ["████████", "████", "█", ""]
    assert bars.drawn([1_000_000, 1], wide=8)[1] == "▏"
    assert bars.drawn([0, 0]) == ["", ""]
    assert bars.drawn([]) == []


async def test_what_a_budget_counts_is_what_usage_shows(home: Path) -> None:
    with opened(home) as scene:
        for used in (10, 20, 30):
            await scene.call(hard(1), used)
        standing = scene.meter.spent("personal", hard(1))
        report = reported(home, Report(), now=scene.clock.at)
        assert report["total"]["costMicroUsd"] == standing.settled == 60
