"""A source is where its path led when it was given, by whatever name people call it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from p42.model.errors import InvalidInput
from tests.engine.home import Home, ref, settled

pytestmark = pytest.mark.looptime
A, B = ref("Note/a"), ref("Note/b")


@pytest.fixture
def way(home: Home) -> Path:
    """A link to the source, where others may turn it."""
    home.save("a.yaml", "Note a text=x")
    link = home.source.parent / "proj" / "way"
    link.parent.mkdir()
    link.symlink_to(home.source)
    return link


async def test_a_link_that_is_turned_later_leads_nowhere_else(home: Home, way: Path) -> None:
    evil = way.parent / "evil"
    evil.mkdir()
    (evil / "a.yaml").write_text("Note a text=evil")
    (evil / "b.yaml").write_text("Note b text=evil")
    async with home.running(apply=False) as engine:
        applied = await engine.follow([str(way)])
        assert applied.results == {A: "created"}
        assert engine.view().sources == home.ledger.sources() == (home.path,)
        way.unlink()
        way.symlink_to(evil)
        home.sources.wake(None)
        await settled(engine)
        home.save("a.yaml", "Note a text=y")
        await engine.follow([home.path])
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\ny"}


CALLED: dict[str, Callable[[Home, Path], str]] = {
    "link": lambda home, way: str(way),
    "slash": lambda home, way: f"{way}/",
    "dots": lambda home, way: f"{home.path}/../proj/way/./",
    "file": lambda home, way: f"{way}/a.yaml",
    "link to a file": lambda home, way: str(way.parent / "file"),
    "itself": lambda home, way: f"{home.path}//",
}


@pytest.mark.parametrize("name", CALLED)
async def test_whatever_leads_into_a_source_adds_nothing(home: Home, way: Path, name: str) -> None:
    (way.parent / "file").symlink_to("way/a.yaml")
    path = CALLED[name](home, way)
    async with home.running() as engine:
        assert (await engine.follow([path])).results == {A: "unchanged"}
        assert engine.view().sources == (home.path,)
        assert not (await engine.plan([path])).steps


async def test_a_plan_by_a_link_is_the_plan_of_where_it_leads(home: Home, way: Path) -> None:
    async with home.running(apply=False) as engine:
        told = await engine.plan([str(way)])
        assert [step.ref for step in told.steps] == [A]
        assert home.ledger.sources() == ()


@pytest.mark.parametrize("name", ["link", "slash", "dots", "itself"])
async def test_a_source_is_forgotten_by_any_name(home: Home, way: Path, name: str) -> None:
    async with home.running() as engine:
        assert (await engine.forget(CALLED[name](home, way))).results == {A: "deleted"}
        assert engine.view().sources == ()


async def test_a_source_that_is_not_there_any_more_can_be_forgotten(home: Home, way: Path) -> None:
    async with home.running() as engine:
        shutil.rmtree(home.source)
        assert (await engine.forget(str(way))).results == {A: "deleted"}
        assert engine.view().sources == ()


async def test_a_source_in_whose_way_a_link_was_put_is_forgotten_by_its_own_name(
    home: Home, way: Path
) -> None:
    other = home.source.parent / "other"
    other.mkdir()
    (other / "b.yaml").write_text("Note b text=x")
    async with home.running() as engine:
        await engine.follow([str(other)])
        home.source.rename(home.source.parent / "was")
        home.source.symlink_to(other)
        assert (await engine.forget(home.path)).results == {A: "deleted"}
        assert engine.view().sources == (str(other),)


async def test_who_names_no_source_is_told_what_the_sources_are(home: Home, way: Path) -> None:
    async with home.running() as engine:
        with pytest.raises(InvalidInput, match=f"is not followed; followed: {home.path}"):
            await engine.forget(str(way.parent))
        with pytest.raises(InvalidInput, match=f"lies in the source {home.path}"):
            await engine.forget(f"{way}/a.yaml")
