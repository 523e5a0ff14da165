"""Dependants wait without polling, name the root cause, and are woken by its change."""

from __future__ import annotations

import asyncio

import pytest

from p42.model.reasons import Mend
from tests.engine.home import Home, ref, settled

pytestmark = pytest.mark.looptime
A = ref("Note/a")


async def test_waiting_names_the_root_cause(home: Home) -> None:
    home.save("a.yaml", "Pot outer key=missing\nPot inner inside=outer\nNote a text=x pot=inner")
    async with home.running() as engine:
        row = engine.view().rows[A]
        assert row.status.reason == "Waiting"
        assert row.status.template == "Pot/outer: KeyMissing"
        assert (row.root, row.mend) == (ref("Pot/outer"), Mend.USER)
        assert home.real() == {}
        assert home.written.bodies[A]["conditions"][0]["message"] == "Pot/outer: KeyMissing"


async def test_waiting_for_what_nobody_declares_says_so(home: Home) -> None:
    home.save("a.yaml", "Note a text=x pot=nowhere")
    async with home.running() as engine:
        row = engine.view().rows[A]
        assert (row.status.template, row.mend) == ("Pot/nowhere: not declared", Mend.USER)


async def test_the_change_of_the_root_wakes_all_that_wait_for_it(home: Home) -> None:
    home.save("p.yaml", "Pot outer key=missing")
    home.save("a.yaml", "Pot inner inside=outer\nNote a text=x pot=inner")
    async with home.running() as engine:
        before = asyncio.get_running_loop().time()
        home.save("p.yaml", "Pot outer key=there")
        await asyncio.sleep(0.001)
        await settled(engine)
        assert asyncio.get_running_loop().time() - before < 0.1
        assert home.real() == {"Note/a": "#p42\nx", "Pot/inner": "/", "Pot/outer": "/"}


async def test_waiting_for_what_time_mends_is_for_time_to_mend(home: Home) -> None:
    home.save("p.yaml", "Pot p")
    home.save("a.yaml", "Note a text=x pot=p")
    home.land.slowness = 5.0
    async with home.running(apply=False) as engine:
        await engine.follow([home.path])
        await asyncio.sleep(1)
        row = engine.view().rows[A]
        assert (row.status.reason, row.mend) == ("Waiting", Mend.TIME)
        assert A not in home.written.bodies
        await settled(engine)
        assert engine.view().rows[A].status.ready == "True"


async def test_what_passes_in_a_thing_that_is_there_holds_up_nobody_who_needs_it(
    home: Home,
) -> None:
    """A provider that is down would else make every agent wait, and a restart would take them."""
    home.save("a.yaml", "Pot p key=down\nNote a text=x pot=p")
    async with home.running(apply=False) as engine:
        await engine.follow([home.path])
        await asyncio.sleep(1)
        pot, note = engine.view().rows[ref("Pot/p")], engine.view().rows[A]
        assert (pot.status.ready, pot.status.reason) == ("False", "ProviderDown")
        assert note.status.ready == "True"
        assert ref("Pot/p") not in home.written.bodies
        assert home.real() == {"Note/a": "#p42\nx", "Pot/p": "/"}


async def test_what_a_need_stops_publishing_is_missed_but_nothing_is_torn_down(home: Home) -> None:
    home.save("p.yaml", "Pot p")
    home.save("a.yaml", "Note a text=x pot=p")
    async with home.running() as engine:
        home.save("p.yaml", "Pot p key=missing")
        await asyncio.sleep(0.01)
        await settled(engine)
        assert engine.view().rows[A].status.template == "Pot/p: KeyMissing"
        assert home.real()["Note/a"] == "#p42\nx"


async def test_what_can_do_without_a_need_for_now_does_not_wait_for_it(home: Home) -> None:
    """A command whose lock has its script turned Waiting where the model's key was missing."""
    home.save("a.yaml", "Pot p key=missing\nNote a text=x pot=p made=true\nNote b text=x pot=no")
    home.save("c.yaml", "Note c text=x pot=no made=true")
    async with home.running() as engine:
        rows = engine.view().rows
        assert [rows[r].status.reason for r in (A, ref("Note/b"), ref("Note/c"))] == [
            "Reconciled", "Waiting", "Reconciled",
        ]  # fmt: skip
        assert home.real() == {"Note/a": "#p42\nx", "Note/c": "#p42\nx"}
        assert rows[A].needs == (ref("Pot/p"),)
        assert rows[ref("Pot/p")].needed_by == (A,)
        home.save("a.yaml", "Pot p key=missing\nNote a text=y pot=p")
        await asyncio.sleep(0.01)
        await settled(engine)
        assert engine.view().rows[A].status.template == "Pot/p: KeyMissing"
        assert home.real()["Note/a"] == "#p42\nx"


async def test_what_can_do_without_a_need_is_still_taken_down_before_it(home: Home) -> None:
    home.save("a.yaml", "Pot p\nNote a text=x pot=p made=true\nNote b text=x")
    async with home.running() as engine:
        home.save("a.yaml", "Note b text=x")
        await asyncio.sleep(10)
        await settled(engine)
        gone = [which for which, step in home.land.acts if step == "Remove"]
        assert gone == ["Note/a", "Pot/p"]


async def test_the_default_is_completed_before_needs(home: Home) -> None:
    home.save("p.yaml", "Pot p default=true key=missing\nPot q")
    home.save("a.yaml", "Note a text=x\nNote b text=x pot=q")
    async with home.running() as engine:
        rows = engine.view().rows
        assert rows[A].needs == (ref("Pot/p"),)
        assert rows[A].status.template == "Pot/p: KeyMissing"
        assert rows[ref("Note/b")].needs == (ref("Pot/q"),)
        assert rows[ref("Pot/p")].needed_by == (A,)


async def test_another_default_reaches_all_that_live_on_it(home: Home) -> None:
    home.save("p.yaml", "Pot p default=true key=missing\nPot q")
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        home.save("p.yaml", "Pot p key=missing\nPot q default=true")
        await asyncio.sleep(0.01)
        await settled(engine)
        assert engine.view().rows[A].needs == (ref("Pot/q"),)
        assert engine.view().rows[A].status.ready == "True"


async def test_waiting_polls_nothing(home: Home) -> None:
    home.save("a.yaml", "Pot p key=missing\nNote a text=x pot=p")
    async with home.running():
        looked: list[str] = []
        home.land.fault = lambda place, which: looked.append(f"{place} {which}")  # type: ignore[func-returns-value]
        await asyncio.sleep(29)
        assert looked == []


async def test_last_good_specs_that_need_each_other_are_told_and_not_a_hang(home: Home) -> None:
    home.save("a.yaml", "Pot a")
    home.save("b.yaml", "Pot b inside=a")
    async with home.running() as engine:
        home.save("a.yaml", "Pot a inside=b")
        await asyncio.sleep(0.01)
        await settled(engine)
        assert {str(r) for r in engine.view().rows} == {"Pot/a", "Pot/b"}
        assert len(engine.view().broken) == 2
        assert engine.view().rows[ref("Pot/a")].status.reason == "Invalid"
