"""Unlinked: a database of before keeps its sources as they were given; from now on as they lead."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from p42.model.ledger import Entry
from p42.model.refs import Ref
from p42.model.resource import Place
from p42.stores.ledger import SqliteLedger
from p42.stores.state import disk, schema
from p42.stores.state.database import Database
from p42.stores.state.unlinked import unlink
from tests.stores.contract import entry

BEFORE = schema.STEPS.index((unlink,))  # the version that kept links


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Until it is undone, p42 as it was."""
    for module in (schema, disk):
        monkeypatch.setattr(module, "VERSION", BEFORE)
    return monkeypatch


def placed(source: Path | str, file: Path | str, name: str) -> Entry:
    ref = Ref("Agent", name)
    resource = replace(entry().resource, ref=ref, place=Place(str(file), 0, 1))
    return replace(entry(), ref=ref, source=str(source), resource=resource)


async def kept(home: Path, *sources: Path, entries: tuple[Entry, ...] = ()) -> None:
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        for source in sources:
            await ledger.follow(str(source))
        for each in entries:
            await ledger.record(each)


async def test_what_was_given_by_a_link_is_kept_by_where_it_leads(
    home: Path, tmp_path: Path, older: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m" / "sub").mkdir(parents=True)
    (tmp_path / "way").symlink_to("m")
    (tmp_path / "file.yaml").symlink_to("m/a.yaml")
    way, plain = tmp_path / "way", tmp_path / "plain"
    await kept(
        home, way, plain, tmp_path / "file.yaml",
        entries=(
            placed(way, way / "sub/b.yaml", "b"), placed(plain, plain / "c.yaml", "c"),
            placed(tmp_path / "file.yaml", tmp_path / "file.yaml", "d"),
            placed(tmp_path / "forgotten", tmp_path / "forgotten/e.yaml", "e"),
        ),
    )  # fmt: skip
    older.undo()
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        assert ledger.sources() == (f"{tmp_path}/m", f"{tmp_path}/plain")
        found = {e.ref.name: (e.source, e.resource.place.file) for e in ledger.entries()}
    assert found == {
        "b": (f"{tmp_path}/m", f"{tmp_path}/m/sub/b.yaml"),
        "c": (f"{tmp_path}/plain", f"{tmp_path}/plain/c.yaml"),
        "d": (f"{tmp_path}/m/a.yaml", f"{tmp_path}/m/a.yaml"),
        "e": (f"{tmp_path}/forgotten", f"{tmp_path}/forgotten/e.yaml"),
    }


async def test_that_happens_once_and_a_link_made_later_turns_nothing(
    home: Path, tmp_path: Path, older: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "m"
    source.mkdir()
    await kept(home, source, entries=(placed(source, source / "a.yaml", "a"),))
    older.undo()
    with Database.open(home):
        pass
    source.rename(tmp_path / "was")
    source.symlink_to("elsewhere")
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        assert ledger.sources() == (str(source),)
        assert [e.source for e in ledger.entries()] == [str(source)]
        await ledger.follow(str(tmp_path / "more"))
    assert json.loads((home / "state.sources").read_text()) == [str(source), f"{tmp_path}/more"]


async def test_a_source_inside_another_adds_nothing_any_more(
    home: Path, tmp_path: Path, older: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m" / "sub").mkdir(parents=True)
    (tmp_path / "way").symlink_to("m/sub")
    (tmp_path / "again").symlink_to("m")
    names = ("way", "m", "again")
    await kept(home, *(tmp_path / name for name in names))
    older.undo()
    with Database.open(home) as database:
        assert SqliteLedger(database).sources() == (f"{tmp_path}/m",)
