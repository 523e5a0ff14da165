"""What a person asks: follow, forget, release, and what they are told of it."""

from __future__ import annotations

import asyncio

import pytest

from p42.engine.view import Row
from p42.model.errors import InvalidInput
from tests.engine.home import Home, ref, settled

pytestmark = pytest.mark.looptime
A, B = ref("Note/a"), ref("Note/b")


async def test_one_error_in_a_new_source_applies_nothing(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=!")
    async with home.running(apply=False) as engine:
        with pytest.raises(InvalidInput, match="1 error in the manifests") as refused:
            await engine.follow([home.path])
        assert [f.file for f in refused.value.diagnostics] == [f"{home.source}/b.yaml"]
        assert engine.view().rows == {}
        assert home.ledger.sources() == ()


async def test_in_a_followed_source_files_stand_alone(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        home.save("b.yaml", "Note b text=!")
        home.save("c.yaml", "Note c text=y")
        applied = await engine.follow([home.path])
        await settled(engine)
        assert applied.results == {A: "unchanged", B: "failed", ref("Note/c"): "created"}
        assert len(applied.broken) == 1
        assert home.real() == {"Note/a": "#p42\nx", "Note/c": "#p42\ny"}


async def test_a_name_that_another_source_has_is_an_error_of_the_new_one(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    other = home.source.parent / "other"
    other.mkdir()
    (other / "a.yaml").write_text("Note a text=y")
    async with home.running() as engine:
        with pytest.raises(InvalidInput) as refused:
            await engine.follow([str(other)])
        assert "also at" in refused.value.diagnostics[0].message
        assert engine.view().sources == (home.path,)


async def test_an_edit_that_the_watcher_saw_first_is_configured_once(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        home.save("a.yaml", "Note a text=y")
        home.save("b.yaml", "Note b text=y")
        await asyncio.sleep(1)
        first = await engine.follow([home.path])
        second = await engine.follow([home.path])
        assert first.results == {A: "configured", B: "created"}
        assert second.results == {A: "unchanged", B: "unchanged"}


async def test_apply_waits_for_the_second_look_and_says_pruned(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        (home.source / "a.yaml").unlink()
        applied = await engine.follow([home.path])
        assert applied.results == {A: "pruned", B: "unchanged"}
        await settled(engine)
        assert home.real() == {"Note/b": "#p42\nx"}


async def test_apply_mends_what_drifted(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        (home.land.root / "Note/a").unlink()
        await engine.follow([home.path])
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nx"}


async def test_a_path_inside_a_source_adds_nothing(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        applied = await engine.follow([f"{home.path}/a.yaml"])
        assert applied.results == {A: "unchanged"}
        assert engine.view().sources == (home.path,)


async def test_a_path_where_nothing_is_is_refused(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        with pytest.raises(InvalidInput, match="it is not there"):
            await engine.follow(["/nowhere"])
        with pytest.raises(InvalidInput, match="no manifest is there"):
            await engine.follow([f"{home.path}/slip.yaml"])


async def test_a_parent_absorbs_and_nothing_is_torn_down(home: Home) -> None:
    home.save("sub/a.yaml", "Note a text=x")
    async with home.running(apply=False) as engine:
        await engine.follow([f"{home.path}/sub"])
        await settled(engine)
        home.land.acts.clear()
        await engine.follow([home.path])
        await settled(engine)
        await asyncio.sleep(120)
        assert home.land.acts == []
        assert home.ledger.sources() == engine.view().sources == (home.path,)
    async with home.running(apply=False) as engine:
        await settled(engine)
        assert home.land.acts == []


async def test_forget_takes_down_and_remembers_nothing(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        applied = await engine.forget(home.path)
        await settled(engine)
        assert applied.results == {A: "deleted"}
        assert (home.real(), home.ledger.sources(), engine.view().sources) == ({}, (), ())


async def test_forget_of_a_path_that_is_no_source_names_the_source(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        with pytest.raises(InvalidInput, match=f"lies in the source {home.path}"):
            await engine.forget(f"{home.path}/a.yaml")
        with pytest.raises(InvalidInput, match="is not followed"):
            await engine.forget("/nowhere")


async def test_release_goes_at_once_but_only_when_the_document_is_gone(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        with pytest.raises(InvalidInput, match=r"Note/a is declared at .*a\.yaml:1:1"):
            await engine.release(A)
        (home.source / "a.yaml").unlink()
        start = asyncio.get_running_loop().time()
        applied = await engine.release(A)
        await engine.settle([A])
        assert applied.results == {A: "deleted"}
        assert asyncio.get_running_loop().time() - start < 0.5
        assert home.real() == {"Note/b": "#p42\nx"}


async def test_watchers_see_each_change_and_each_end(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running(apply=False) as engine:
        changes = engine.changes()
        await engine.follow([home.path])
        await settled(engine)
        seen = await anext(changes)
        assert isinstance(seen, Row)
        assert seen.status.reason == "Reconciled"  # coalesced: the newest only
        await engine.forget(home.path)
        await settled(engine)
        assert await anext(changes) == A
        await changes.aclose()  # type: ignore[attr-defined]


async def test_settle_returns_when_only_the_user_can_go_on(home: Home) -> None:
    home.save("a.yaml", "Pot p key=missing\nNote a text=x pot=p\nNote b text=y")
    async with home.running() as engine:
        await settled(engine)
        reasons = {r.status.reason for r in engine.view().rows.values()}
        assert reasons == {"KeyMissing", "Waiting", "Reconciled"}


async def test_settle_of_what_is_not_declared_returns(home: Home) -> None:
    async with home.running() as engine:
        async with asyncio.timeout(1):
            await engine.settle([A])
