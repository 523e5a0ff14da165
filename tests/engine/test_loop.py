"""The loop, end to end on real files under virtual time."""

from __future__ import annotations

import asyncio

import pytest

from p42.model.reasons import Mend
from tests.engine.home import Home, ref, settled

pytestmark = pytest.mark.looptime


async def test_what_is_declared_becomes_real_and_is_told(home: Home) -> None:
    home.save("a.yaml", "Note a text=hello")
    async with home.running() as engine:
        row = engine.view().rows[ref("Note/a")]
        assert (row.status.ready, row.status.reason, row.mend) == ("True", "Reconciled", Mend.READY)
        assert home.real() == {"Note/a": "#p42\nhello"}
        assert home.written.bodies[ref("Note/a")] == {
            "observedSpec": row.resource.digest,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Reconciled"}],
            "length": 5,
        }


async def test_an_edit_is_made_real(home: Home) -> None:
    home.save("a.yaml", "Note a text=hello")
    async with home.running() as engine:
        home.save("a.yaml", "Note a text=world")
        await asyncio.sleep(0.01)
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nworld"}
        assert engine.view().rows[ref("Note/a")].generation == 2


async def test_what_is_deleted_from_the_files_goes_after_two_looks(home: Home) -> None:
    home.save("a.yaml", "Note a text=hello")
    home.save("b.yaml", "Note b text=hello")
    async with home.running() as engine:
        home.remove("a.yaml")
        await asyncio.sleep(1.9)
        assert "Note/a" in home.real()
        await asyncio.sleep(0.2)
        await settled(engine)
        assert home.real() == {"Note/b": "#p42\nhello"}
        assert ref("Note/a") not in engine.view().rows
        assert [entry.ref for entry in home.ledger.entries()] == [ref("Note/b")]
        assert ref("Note/a") not in home.written.bodies


async def test_reality_that_was_changed_is_healed(home: Home) -> None:
    home.save("a.yaml", "Note a text=hello")
    async with home.running() as engine:
        (home.land.root / "Note/a").write_text("#p42\ntampered")
        home.land.wake["any"](ref("Note/a"))
        await asyncio.sleep(0.01)
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nhello"}


async def test_a_lost_event_is_made_up_by_the_resync(home: Home) -> None:
    home.save("a.yaml", "Note a text=hello")
    async with home.running():
        (home.source / "a.yaml").write_text("Note a text=world")
        (home.source / "b.yaml").write_text("Note b text=new")
        await asyncio.sleep(61)
        assert home.real() == {"Note/a": "#p42\nworld", "Note/b": "#p42\nnew"}
