"""Started again in any state, it goes on where it was; with the ledger lost, it deletes nothing."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.home import Home, MemoryLedger, ref, settled

pytestmark = pytest.mark.looptime


async def test_with_the_ledger_lost_what_bears_our_mark_is_adopted(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running():
        pass
    home.ledger = MemoryLedger()
    home.ledger.lost = True
    home.land.acts.clear()
    async with home.running():
        assert home.land.acts == []
        assert [entry.ref for entry in home.ledger.entries()] == [ref("Note/a")]


async def test_with_the_ledger_lost_nothing_is_deleted_unless_somebody_says_so(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    home.ledger.lost = True
    async with home.running() as engine:
        home.remove("a.yaml")
        await asyncio.sleep(120)
        assert engine.view().held == (ref("Note/a"),)
        assert len(home.real()) == 2
        await engine.follow([home.path], prune=True)
        await settled(engine)
        assert home.real() == {"Note/b": "#p42\nx"}


async def test_a_file_deleted_while_the_daemon_was_down_is_a_deletion(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    async with home.running():
        pass
    (home.source / "a.yaml").unlink()
    async with home.running(apply=False) as engine:
        await settled(engine)
        assert home.real() == {"Note/b": "#p42\nx"}


async def test_sources_are_followed_again_without_being_asked(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running():
        pass
    home.save("a.yaml", "Note a text=y")
    async with home.running(apply=False) as engine:
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\ny"}
        assert engine.view().rows[ref("Note/a")].generation == 2


async def test_long_work_that_was_in_flight_is_found_again(home: Home) -> None:
    home.save("a.yaml", "Note a text=x slow=build")
    async with home.running(apply=False) as engine:
        await engine.follow([home.path])
        await asyncio.sleep(1)
        row = engine.view().rows[ref("Note/a")]
        assert (row.status.reason, row.status.ready, row.drift) == ("InProgress", "Unknown", True)
    async with home.running(apply=False) as engine:
        await settled(engine)
        steps = [step for _, step in home.land.acts]
        assert steps == ["StartWork", "Write"]


async def test_a_kind_that_this_version_does_not_know_blocks_only_itself(home: Home) -> None:
    home.save("a.yaml", "Note a text=x\nPot p")
    async with home.running():
        pass
    home.unknown = {"Pot"}
    async with home.running() as engine:
        rows = engine.view().rows
        assert rows[ref("Pot/p")].status.reason == "Blocked"
        assert rows[ref("Note/a")].status.ready == "True"
        await engine.forget(home.path)
        await settled(engine)
        assert home.real() == {"Pot/p": "/"}
        assert [entry.ref for entry in home.ledger.entries()] == [ref("Pot/p")]
