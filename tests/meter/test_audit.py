"""The journal proves itself: the first call that was changed, taken out or put in is named."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p42.model.errors import InvalidInput, P42Error
from p42.stores.meter import sign as metersign
from p42.stores.meter.audit import exported, verified
from p42.stores.meter.rows import Call
from tests.meter.scene import hard, opened

SPEC = hard(1)
CALLS = 12
FIELDS = [field for field in Call._fields if field != "number"]


@pytest.fixture
async def journal(home: Path) -> Path:
    """A home with some calls."""
    with opened(home) as scene:
        for number in range(CALLS):
            await scene.call(SPEC, number + 1)
    return home


def change(home: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(home / "state.db", isolation_level=None)) as db:
        db.execute(statement, values)


def test_an_unharmed_journal_holds(journal: Path) -> None:
    assert (verified(journal).calls, verified(journal).what) == (CALLS, "")
    assert [path.name for path in journal.iterdir()] == ["state.db"], "looking left something"


def test_where_nothing_was_ever_asked_there_is_nothing_wrong(tmp_path: Path) -> None:
    assert verified(tmp_path).what == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("number", [1, 7, CALLS])
def test_a_changed_value_is_found_and_its_call_is_named(
    journal: Path, field: str, number: int
) -> None:
    statement = f"UPDATE calls SET {field} = '1' WHERE number = ?"
    if field in ("at", "input", "output", "cached", "stored", "latency", "cost"):
        statement = f"UPDATE calls SET {field} = coalesce({field}, 0) + 1 WHERE number = ?"
    change(journal, statement, number)
    verdict = verified(journal)
    assert verdict.number == number
    assert verdict.what == "it is not what was written"


@pytest.mark.parametrize("number", [1, 7, CALLS])
def test_a_call_taken_out_is_missing(journal: Path, number: int) -> None:
    change(journal, "DELETE FROM calls WHERE number = ?", number)
    verdict = verified(journal)
    assert (verdict.number, verdict.what[:13]) == (number, "it is missing")


def test_a_call_put_in_is_found(journal: Path) -> None:
    change(journal, "CREATE TABLE copy AS SELECT * FROM calls WHERE number = 12")
    change(journal, "UPDATE copy SET number = 13")
    change(journal, "INSERT INTO calls SELECT * FROM copy")
    assert verified(journal).number == 13


def test_two_calls_that_changed_places_are_found(journal: Path) -> None:
    for one, other in ((3, -1), (4, 3), (-1, 4)):
        change(journal, "UPDATE calls SET number = ? WHERE number = ?", other, one)
    assert verified(journal).number == 3


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("DELETE FROM chain", "end is missing"),
        ("UPDATE chain SET number = 5", "end was changed"),
        ("UPDATE spendings SET spent = 0", "total of personal in 2026-01 is not what was written"),
        ("DELETE FROM spendings", "total of personal in 2026-01 is 0, and its calls cost 78"),
    ],
)
def test_damage_around_the_calls_is_found_too(journal: Path, statement: str, match: str) -> None:
    change(journal, statement)
    assert match in verified(journal).what


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_or_touches_no_call(journal: Path, place: float, bit: int) -> None:
    before = [tuple(call) for call in exported(journal, since=0, until=2**62)]
    there = journal.with_name("flipped")
    shutil.rmtree(there, ignore_errors=True)
    shutil.copytree(journal, there)
    data = bytearray((there / "state.db").read_bytes())
    data[int(place * (len(data) - 1))] ^= 1 << bit
    (there / "state.db").write_bytes(data)
    try:
        what = verified(there).what
        after = [tuple(call) for call in exported(there, since=0, until=2**62)]
    except P42Error:
        return  # it is no database any more, and says so
    assert what or after == before


def sign(home: Path, to: Path) -> None:
    calls = list(exported(home, since=0, until=2**62))
    head = {"from": "2026-01-01", "to": "2026-01-31", "first": 1, "before": "0" * 64}
    assert metersign.export(home, to, calls=calls, head=head) == CALLS


def test_an_export_holds_for_its_home_and_for_who_has_the_public_key(
    journal: Path, tmp_path: Path
) -> None:
    file = tmp_path / "calls.jsonl"
    sign(journal, file)
    assert metersign.check(file, key=None, home=journal).calls == CALLS
    public = tmp_path / "calls.jsonl.pub"
    assert metersign.check(file, key=public, home=tmp_path).calls == CALLS
    assert (journal / "usage.key").stat().st_mode & 0o777 == 0o600
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.glob("calls*")) == [
        "calls.jsonl", "calls.jsonl.pub", "calls.jsonl.sig",
    ]  # fmt: skip


def test_the_key_stays_the_same(journal: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        sign(journal, tmp_path / name)
    assert (tmp_path / "one.pub").read_bytes() == (tmp_path / "two.pub").read_bytes()
    assert metersign.check(tmp_path / "one", key=tmp_path / "two.pub", home=tmp_path).calls


def test_anybody_can_check_it_without_p42(journal: Path, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    sign(journal, file)
    before = "0" * 64  # the chain, as docs/usage.md says it
    for line in file.read_text().splitlines()[1:]:
        call = json.loads(line)
        said = call.pop("hash")
        text = json.dumps(call, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256((before + text).encode()).hexdigest() == said
        before = said
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: the check without p42 is not proven here")
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"{file}.pub", "-rawin",
               "-in", str(file), "-sigfile", f"{file}.sig"]  # fmt: skip
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    file.write_bytes(file.read_bytes().replace(b"agent/muse", b"agent/puck", 1))
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b'"input":5', b'"input":4', r"call 5 is not what was written"),
        (b'"to":"2026-01-31"', b'"to":"2026-01-30"', r"the first line or the end changed"),
        (b"{", b"[", r"it is no export any more"),
    ],
)
def test_an_export_that_was_changed_is_refused(
    journal: Path, tmp_path: Path, old: bytes, new: bytes, match: str
) -> None:
    file = tmp_path / "calls.jsonl"
    sign(journal, file)
    file.write_bytes(file.read_bytes().replace(old, new, 1))
    with pytest.raises(P42Error, match=match):
        metersign.check(file, key=None, home=journal)


def test_an_export_of_another_key_is_refused(journal: Path, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    sign(journal, file)
    (journal / "usage.key").unlink()
    sign(journal, tmp_path / "other")
    with pytest.raises(P42Error, match="another key"):
        metersign.check(file, key=None, home=journal)


def test_what_is_no_key_is_told(journal: Path, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    sign(journal, file)
    with pytest.raises(InvalidInput, match="--key names no Ed25519 public key"):
        metersign.check(file, key=file, home=journal)
    with pytest.raises(InvalidInput, match=r"--key FILE\.pub"):
        metersign.check(file, key=None, home=tmp_path)
    (journal / "usage.key").write_text("nonsense")
    with pytest.raises(P42Error, match=r"usage\.key: this is no Ed25519 key"):
        sign(journal, file)
    with pytest.raises(P42Error, match="missing"):
        metersign.check(tmp_path / "missing", key=None, home=journal)


def test_an_export_that_cannot_be_written_leaves_nothing(journal: Path, tmp_path: Path) -> None:
    with pytest.raises(P42Error, match="no-such-directory"):
        sign(journal, tmp_path / "no-such-directory/calls.jsonl")
    assert not list(tmp_path.glob("*.part"))
