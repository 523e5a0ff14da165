"""Who deletes what a machine made takes their word on it back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from p42.model.approval import PERSON
from p42.model.refs import Ref
from p42.runtimes.clock import SystemClock
from p42.stores.approvals import SqliteApprovals
from p42.stores.state.database import Database
from tests.approval.test_gate import A, approve, reason, saved
from tests.engine.home import Home, settled

pytestmark = pytest.mark.looptime(start=0)


async def remove(home: Home, name: str = "a.yaml") -> None:
    home.remove(name)
    await asyncio.sleep(10)  # virtual: two looks


async def test_what_was_deleted_and_is_made_again_needs_a_new_word(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=harm")
    home.save("b.yaml", "Note b text=x")  # a source never loses all it has at once
    async with home.running() as engine:
        await approve(engine)
        assert reason(engine) == "Reconciled"
        await remove(home)
        await settled(engine)
        await home.approvals.mark(A)
        await saved(home, engine, "Note a text=harm")
        assert reason(engine) == "NeedsApproval"
        assert list(home.real()) == ["Note/b"]
        await approve(engine)
        assert reason(engine) == "Reconciled"


async def test_it_does_also_when_the_daemon_was_down_meanwhile(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=harm")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        await approve(engine)
    home.remove("a.yaml")
    async with home.running() as engine:
        await asyncio.sleep(10)
        await settled(engine)
        await saved(home, engine, "Note a text=harm")
        assert reason(engine) == "NeedsApproval"


async def test_what_was_never_begun_keeps_no_word_either(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=harm pot=nowhere")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        await approve(engine)
        await remove(home)
        await settled(engine)
        assert home.approvals.get(A).grants == ()
        assert home.approvals.machine_made(A)


async def test_of_what_a_person_made_nothing_is_taken_back(tmp_path: Path) -> None:
    ref = Ref("Command", "mine")
    with Database.open(tmp_path) as database:
        approvals = SqliteApprovals(database, clock=SystemClock())
        await approvals.approve(ref, "0" * 64, by=PERSON)
        await approvals.withdraw(ref)
        assert approvals.approved(ref, "0" * 64)


async def test_what_is_taken_back_stays_so_and_the_mark_too(tmp_path: Path) -> None:
    ref = Ref("Command", "harm")
    with Database.open(tmp_path) as database:
        approvals = SqliteApprovals(database, clock=SystemClock())
        await approvals.mark(ref)
        await approvals.approve(ref, "0" * 64, by=PERSON)
        await approvals.withdraw(ref)
    with Database.open(tmp_path) as database:
        known = SqliteApprovals(database, clock=SystemClock()).get(ref)
        assert (known.machine, known.grants, known.released) == (True, (), None)
