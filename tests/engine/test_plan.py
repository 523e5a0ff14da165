"""`diff` prints exactly the steps that `apply` then does, and does none."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.engine.view import Planned
from p42.model.errors import InvalidInput
from tests.engine.home import Home, settled, virtually
from tests.engine.lines import file_look


def told(planned: tuple[Planned, ...]) -> list[tuple[str, str]]:
    return sorted((str(each.ref), each.step) for each in planned)


@pytest.mark.looptime
async def test_a_plan_follows_nothing_and_changes_nothing(home: Home) -> None:
    home.save("a.yaml", "Pot p\nNote a text=x pot=p")
    async with home.running(apply=False) as engine:
        planned = (await engine.plan([home.path])).steps
        assert [(str(p.ref), p.step) for p in planned] == [("Pot/p", "Make"), ("Note/a", "Write")]
        assert (home.real(), home.ledger.writes, home.written.puts) == ({}, 0, 0)
        assert engine.view().sources == ()


@pytest.mark.looptime
async def test_a_plan_needs_no_running_engine(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running():
        pass
    (home.land.root / "Note/a").unlink()
    planned = (await home.engine().plan([])).steps
    assert told(planned) == [("Note/a", "Write")]


@pytest.mark.looptime
async def test_a_plan_plays_long_work_to_its_end(home: Home) -> None:
    home.save("a.yaml", "Note a text=x slow=build")
    async with home.running(apply=False) as engine:
        planned = (await engine.plan([home.path])).steps
        assert [p.step for p in planned] == ["StartWork", "Write"]


@pytest.mark.looptime
async def test_a_new_source_with_errors_has_no_plan(home: Home) -> None:
    home.save("a.yaml", "Note a text=!")
    async with home.running(apply=False) as engine:
        with pytest.raises(InvalidInput) as refused:
            await engine.plan([home.path])
        assert refused.value.diagnostics


@pytest.mark.looptime
async def test_a_plan_of_a_held_deletion_needs_prune(home: Home) -> None:
    for name in ("a", "b"):
        home.save(f"{name}.yaml", f"Note {name} text=x")
    async with home.running() as engine:
        for name in ("a", "b"):
            (home.source / f"{name}.yaml").unlink()
        held = await engine.plan([home.path])
        assert (held.steps, list(map(str, held.held))) == ((), ["Note/a", "Note/b"])
        removed = told((await engine.plan([home.path], prune=True)).steps)
        assert sorted(removed) == [("Note/a", "Remove"), ("Note/b", "Remove")]


@pytest.mark.looptime
async def test_a_plan_waits_for_no_need_that_can_be_done_without(home: Home) -> None:
    home.save("a.yaml", "Pot p key=missing\nNote a text=x pot=p made=true")
    async with home.running(apply=False) as engine:
        assert told((await engine.plan([home.path])).steps) == [("Note/a", "Write")]


@pytest.mark.looptime
async def test_a_plan_tells_what_no_step_makes_ready(home: Home) -> None:
    pot, user = "Pot p key=missing", "Note a text=x pot=p"
    home.save("a.yaml", f"{pot}\n{user}\nNote b text=x @p42.dev/paused=true\nNote c text=x")
    async with home.running() as engine:
        for told in (await engine.plan([home.path]), await home.engine().plan([])):
            assert told.steps == ()
            assert [(str(each.ref), each.status.reason) for each in told.unready] == [
                ("Note/a", "Waiting"), ("Note/b", "Paused"), ("Pot/p", "KeyMissing"),
            ]  # fmt: skip
        elsewhere = await engine.plan([f"{home.path}/none.yaml"])
        assert elsewhere.unready == ()
        home.save("b.yaml", "Note d text=!")
        assert (await engine.plan([home.path])).broken


@pytest.mark.looptime
async def test_a_file_can_be_planned_as_it_is_not_yet(home: Home) -> None:
    path = home.source / "a.yaml"
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        other = file_look(str(path), "Note a text=y")
        fresh = file_look(str(home.source / "b.yaml"), "Note b text=x")
        outside = file_look(str(home.source.parent / "new" / "c.yaml"), "Note c text=x")
        drafts = [other, fresh, outside]
        told = await engine.plan([each.path for each in drafts], instead=drafts)
        assert [(str(p.ref), p.step) for p in told.steps] == [
            ("Note/a", "Write"), ("Note/b", "Write"), ("Note/c", "Write"),
        ]  # fmt: skip
        assert engine.view().sources == (home.path,)
        assert (await engine.plan([])).steps == ()


WORDS = st.sampled_from(["", "text=x", "text=y"])
POTS = st.sampled_from(["", " pot=p", " pot=q", " pot=nowhere"])
EXTRA = st.sampled_from(["", " slow=s", " @p42.dev/paused=true", " @p42.dev/heal=warn"])
NOTES = st.tuples(WORDS, POTS, EXTRA).map("".join)
PITS = st.sampled_from(["", "key=missing", "inside=q", "default=true"])


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """Some notes and pots, without a cycle."""
    lines = [f"Note {name} {draw(NOTES)}" for name in draw(st.sets(st.sampled_from("abcd")))]
    lines += [f"Pot p {draw(PITS)}"] if draw(st.booleans()) else []
    lines += ["Pot q"] if draw(st.booleans()) else []
    return "\n".join([*lines, "Note always"])


@settings(max_examples=60)
@given(before=manifests(), after=manifests(), tampered=st.sets(st.sampled_from("abcd")))
def test_diff_prints_exactly_the_steps_that_apply_then_does(
    before: str, after: str, tampered: set[str]
) -> None:
    async def play() -> None:
        with TemporaryDirectory() as root:
            home = Home(Path(root))
            home.save("a.yaml", before)
            async with home.running():
                pass
            for name in tampered:
                (home.land.root / f"Note/{name}").unlink(missing_ok=True)
            home.save("a.yaml", after)
            home.land.acts.clear()
            planned = (await home.engine().plan([home.path])).steps
            assert home.land.acts == []
            async with home.running() as engine:
                await settled(engine)
                assert told(planned) == sorted(home.land.acts)
                assert (await engine.plan([home.path])).steps == ()

    virtually(play)
