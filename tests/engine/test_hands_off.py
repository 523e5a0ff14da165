"""Paused, heal: warn, broken: watched and told, not changed."""

from __future__ import annotations

import asyncio

import pytest

from p42.model.errors import InvalidInput
from p42.model.reasons import Mend
from tests.engine.home import Home, ref, settled

pytestmark = pytest.mark.looptime
A = ref("Note/a")


def tamper(home: Home) -> None:
    (home.land.root / "Note/a").write_text("#p42\ntampered")


async def test_a_paused_thing_is_watched_and_not_changed(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await engine.pause(A, on=True)
        tamper(home)
        home.save("a.yaml", "Note a text=y")
        await asyncio.sleep(61)
        row = engine.view().rows[A]
        assert (row.status.reason, row.mend, row.paused, row.drift) == (
            "Paused", Mend.USER, True, True,
        )  # fmt: skip
        assert home.real()["Note/a"] == "#p42\ntampered"
        await engine.pause(A, on=False)
        await settled(engine)
        assert home.real()["Note/a"] == "#p42\ny"


async def test_a_pause_outlives_the_daemon(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await engine.pause(A, on=True)
    tamper(home)
    async with home.running() as engine:
        assert engine.view().rows[A].status.reason == "Paused"
        assert home.real()["Note/a"] == "#p42\ntampered"


async def test_the_annotation_pauses_too(home: Home) -> None:
    home.save("a.yaml", "Note a text=x @p42.dev/paused=true")
    async with home.running() as engine:
        assert engine.view().rows[A].status.reason == "Paused"
        assert home.real() == {}
        home.save("a.yaml", "Note a text=x")
        await asyncio.sleep(0.01)
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nx"}


async def test_heal_warn_tells_of_drift_and_mends_it_when_asked(home: Home) -> None:
    home.save("a.yaml", "Note a text=x @p42.dev/heal=warn")
    async with home.running() as engine:
        tamper(home)
        engine.wake(A)
        await asyncio.sleep(0.01)
        await settled(engine)
        row = engine.view().rows[A]
        assert (row.status.reason, row.drift) == ("Drifted", True)
        assert home.real()["Note/a"] == "#p42\ntampered"
        engine.nudge(A)
        await settled(engine)
        assert home.real()["Note/a"] == "#p42\nx"
        tamper(home)
        engine.wake(A)
        await asyncio.sleep(0.01)
        assert engine.view().rows[A].status.reason == "Drifted"  # asked once, mended once


async def test_a_nudge_of_what_is_in_sync_is_not_kept_for_a_later_drift(home: Home) -> None:
    home.save("a.yaml", "Note a text=x @p42.dev/heal=warn")
    async with home.running() as engine:
        engine.nudge(A)
        await settled(engine)
        tamper(home)
        engine.wake(A)
        await asyncio.sleep(0.01)
        assert engine.view().rows[A].status.reason == "Drifted"


async def test_heal_warn_does_not_stand_in_the_way_of_an_edit(home: Home) -> None:
    home.save("a.yaml", "Note a text=x @p42.dev/heal=warn")
    async with home.running() as engine:
        tamper(home)
        home.save("a.yaml", "Note a text=y @p42.dev/heal=warn")
        await asyncio.sleep(0.01)
        await settled(engine)
        assert home.real()["Note/a"] == "#p42\ny"


async def test_heal_warn_remembers_over_a_restart_what_was_made_real(home: Home) -> None:
    home.save("a.yaml", "Note a text=x @p42.dev/heal=warn")
    async with home.running():
        pass
    tamper(home)
    async with home.running() as engine:
        assert engine.view().rows[A].status.reason == "Drifted"


async def test_a_broken_save_keeps_the_last_good_spec_running_and_healed(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        home.save("a.yaml", "Note a text=!")
        await asyncio.sleep(0.01)
        row = engine.view().rows[A]
        assert (row.status.reason, row.mend) == ("Invalid", Mend.USER)
        assert row.status.text.startswith(f"{home.source}/a.yaml:1:1: bad value")
        tamper(home)
        engine.wake(A)
        await asyncio.sleep(0.01)
        assert home.real()["Note/a"] == "#p42\nx"
        assert home.written.bodies[A]["conditions"][0]["reason"] == "Reconciled"


async def test_the_last_good_spec_outlives_the_daemon(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running():
        pass
    (home.source / "a.yaml").write_text("?")
    (home.land.root / "Note/a").unlink()
    async with home.running() as engine:
        assert home.real()["Note/a"] == "#p42\nx"
        assert engine.view().rows[A].status.reason == "Invalid"
        assert home.sources.expected == [(f"{home.source}/a.yaml", home.path)]


async def test_what_is_not_declared_can_be_neither_paused_nor_nudged(home: Home) -> None:
    async with home.running() as engine:
        with pytest.raises(InvalidInput, match="Note/a is not declared"):
            engine.nudge(A)
        with pytest.raises(InvalidInput):
            await engine.pause(A, on=True)
