"""What is gone is taken down: users first, never what is not ours, and only when it is sure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from p42.model.reasons import Mend
from p42.model.resource import Resource
from tests.engine.home import Home, Written, ref, settled
from tests.engine.toys import blocked

pytestmark = pytest.mark.looptime
CHAIN = "Pot outer\nPot inner inside=outer\nNote a text=x pot=inner"


async def test_teardown_goes_in_reverse_order_of_the_needs(home: Home) -> None:
    home.save("a.yaml", CHAIN)
    async with home.running() as engine:
        home.land.acts.clear()
        await engine.forget(home.path)
        await settled(engine)
        assert [name for name, _ in home.land.acts] == ["Note/a", "Pot/inner", "Pot/outer"]
        assert engine.view().rows == {}
        assert home.ledger.entries() == ()


async def test_the_order_is_remembered_when_every_manifest_is_lost(home: Home) -> None:
    home.save("a.yaml", CHAIN)
    async with home.running():
        pass
    (home.source / "a.yaml").unlink()
    await home.ledger.forget(home.path)
    home.land.acts.clear()
    async with home.running(apply=False) as engine:
        await settled(engine)
        assert [name for name, _ in home.land.acts] == ["Note/a", "Pot/inner", "Pot/outer"]


async def test_retain_leaves_it_standing_and_forgets_it(home: Home) -> None:
    home.save("a.yaml", "Note a text=x @p42.dev/deletion-policy=retain")
    async with home.running() as engine:
        await engine.forget(home.path)
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nx"}
        assert home.ledger.entries() == ()
        assert engine.view().rows == {}


async def test_what_was_never_ours_is_never_touched(home: Home) -> None:
    path = home.land.root / "Note/a"
    path.parent.mkdir(parents=True)
    path.write_text("a love letter")
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        row = engine.view().rows[ref("Note/a")]
        assert (row.status.reason, row.mend) == ("Conflict", Mend.USER)
        assert home.ledger.entries() == ()
        await engine.forget(home.path)
        await settled(engine)
        assert path.read_text() == "a love letter"
        assert home.land.acts == []


async def test_adoption_is_asked_for_by_annotation(home: Home) -> None:
    path = home.land.root / "Note/a"
    path.parent.mkdir(parents=True)
    path.write_text("a love letter")
    home.save("a.yaml", "Note a text=x @p42.dev/adopt=true")
    async with home.running():
        assert path.read_text() == "#p42\nx"


async def test_a_teardown_that_is_blocked_says_so_and_ends_later(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        home.land.fault = lambda place, which: blocked() if place == "act" else None
        await engine.forget(home.path)
        await settled(engine)
        row = engine.view().rows[ref("Note/a")]
        assert (row.gone, row.status.reason, row.mend) == (True, "Blocked", Mend.USER)
        home.land.fault = lambda place, which: None
        await asyncio.sleep(61)
        assert engine.view().rows == {}
        assert home.real() == {}


async def test_what_comes_back_while_it_goes_is_made_again(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        home.land.slowness = 1.0
        home.remove("a.yaml")
        await asyncio.sleep(2.5)  # proven gone, and being removed
        home.save("a.yaml", "Note a text=again")
        await asyncio.sleep(0.01)
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nagain", "Note/b": "#p42\nx"}
        assert len(home.ledger.entries()) == 2


class Stalled(Written):
    """A disk that takes nothing away any more."""

    def put(
        self,
        resource: Resource,
        body: Mapping[str, Any] | None,
        *,
        then: Callable[[], None] | None = None,
    ) -> None:
        if body is not None:
            super().put(resource, body, then=then)


async def test_a_crash_before_the_status_is_gone_takes_it_away_after_the_start(home: Home) -> None:
    """A document out of a followed source left its sidecar behind for ever."""
    home.written = Stalled()
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        home.remove("a.yaml")
        await asyncio.sleep(3)
        await settled(engine)
        assert home.real() == {"Note/b": "#p42\nx"}
        assert ref("Note/a") not in engine.view().rows
    left, home.written = home.written.bodies, Written()
    home.written.bodies = left
    assert ref("Note/a") in left
    async with home.running(apply=False) as engine:
        await asyncio.sleep(3)
        await settled(engine)
        assert list(left) == [ref("Note/b")]
        assert [entry.ref for entry in home.ledger.entries()] == [ref("Note/b")]


async def test_a_paused_thing_is_not_taken_down(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await engine.pause(ref("Note/a"), on=True)
        await engine.forget(home.path)
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nx"}
        await engine.pause(ref("Note/a"), on=False)
        await settled(engine)
        assert home.real() == {}


async def test_held_deletions_wait_for_prune_and_keep_running(home: Home) -> None:
    for i in range(6):
        home.save(f"n{i}.yaml", f"Note n{i} text=x")
    async with home.running() as engine:
        for i in range(5):
            (home.source / f"n{i}.yaml").unlink()
        applied = await engine.follow([home.path])
        await settled(engine)
        assert [r.name for r in applied.held] == [f"n{i}" for i in range(5)]
        assert engine.view().held == applied.held
        assert engine.view().rows[ref("Note/n0")].status.reason == "Held"
        assert len(home.real()) == 6
        applied = await engine.follow([home.path], prune=True)
        await settled(engine)
        assert applied.results[ref("Note/n0")] == "pruned"
        assert list(home.real()) == ["Note/n5"]


async def test_a_commit_without_the_files_needs_no_prune(home: Home) -> None:
    for i in range(6):
        home.save(f"n{i}.yaml", f"Note n{i} text=x")
    async with home.running() as engine:
        for i in range(6):
            home.sources.in_git.add(str(home.source / f"n{i}.yaml"))
            (home.source / f"n{i}.yaml").unlink()
        home.save("m.yaml", "Note m text=y")
        await engine.follow([home.path])
        await settled(engine)
        assert home.real() == {"Note/m": "#p42\ny"}


async def test_what_is_absent_on_one_look_is_not_mended_before_it_goes(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        home.land.acts.clear()
        home.remove("a.yaml")
        await asyncio.sleep(0.01)
        (home.land.root / "Note/a").unlink()
        engine.wake(ref("Note/a"))
        await engine.follow([home.path])
        await settled(engine)
        assert home.land.acts == []
