"""Servers and commands that may write what p42 comes to follow: ended, or every change waits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from p42.ai.programs.pinning import Pinning
from p42.model.grants import Grants
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.keeping.processes import KeeperProcesses
from tests.process.pins import Engine, gone, started
from tests.process.room import _kept, alive, until, whole
from tests.tools.served import Served, served
from tests.tools.shop import needs_sandbox

pytestmark = needs_sandbox


@asynccontextmanager
async def working(tmp_path: Path) -> AsyncIterator[tuple[Served, Engine, Path]]:
    """A server that was given the directory around one that will be followed."""
    manifests, sources = tmp_path / "given" / "manifests", list[str]()
    manifests.mkdir(parents=True)
    async with served(tmp_path / "home", sources=sources) as there:
        there.declare(cwd=str(manifests.parent))
        engine = Engine()
        engine.gate.set()
        there.pinning.open(engine, engine.pinned_by)
        pins = asyncio.ensure_future(there.pinning.run())
        yield there, engine, manifests
        pins.cancel()
        await asyncio.wait([pins])


async def followed(there: Served, manifests: Path) -> None:
    """As an apply does."""
    sources = there.pinning._sources()
    assert isinstance(sources, list)
    async with there.pinning.following([str(manifests)]):
        sources.append(str(manifests))


async def writes(there: Served, path: Path) -> bool:
    await there.run("write", {"text": str(path)})
    return path.exists()


async def test_one_that_rests_is_another_by_then_and_nothing_waits(tmp_path: Path) -> None:
    async with working(tmp_path) as (there, engine, manifests):
        assert await writes(there, manifests / "before")
        before = whole(there)  # type: ignore[arg-type]
        await followed(there, manifests)
        assert alive(*before) == []
        assert not engine.pins
        assert not await writes(there, manifests / "after")
        assert await writes(there, manifests.parent / "beside")
        assert there.said("ServerEnded") == []


async def test_one_that_is_called_goes_on_and_every_change_waits_until_it_is_done(
    tmp_path: Path,
) -> None:
    async with working(tmp_path) as (there, engine, manifests), asyncio.TaskGroup() as group:
        cue = manifests.parent / "cue"
        call = group.create_task(there.run("wait", {"text": str(cue)}))
        await until(lambda: (manifests.parent / "waits").exists())
        before = whole(there)  # type: ignore[arg-type]
        await followed(there, manifests)
        assert engine.pinned == [(str(manifests), "integration/files")]
        # Who calls now is served by one with new walls.
        assert not await writes(there, manifests / "after")
        assert len(there.processes.pids) == 2
        cue.touch()
        assert (await call).result == "waited"
        await until(lambda: not alive(*before))
        await gone(engine)
        assert len(there.processes.pids) == 1


async def test_one_that_just_comes_up_is_another_once_nobody_calls_it(tmp_path: Path) -> None:
    async with working(tmp_path) as (there, engine, manifests), asyncio.TaskGroup() as group:
        ready = group.create_task(there.tools.ready("muse", there.agent))
        await until(lambda: there.processes.pids)
        await followed(there, manifests)
        await ready
        assert not await writes(there, manifests / "after")
        await gone(engine)


async def test_the_end_of_p42_waits_for_no_outdated_one(tmp_path: Path) -> None:
    async with asyncio.timeout(30), working(tmp_path) as (there, _, manifests):
        slow = asyncio.ensure_future(there.run("wait", {"text": "never"}))
        await until(lambda: (manifests.parent / "waits").exists())
        await followed(there, manifests)
        await writes(there, manifests / "after")
    assert "failed" in (await slow).result


@asynccontextmanager
async def kept(home: Path, pinning: Pinning) -> AsyncIterator[KeeperProcesses]:
    link = KeeperLink(home / "run", grace=5.0)
    processes = KeeperProcesses(os.environ, home=home, link=link, watch=pinning.held)
    async with _kept(link):
        yield processes


@pytest.mark.parametrize("later", [False, True])
async def test_while_a_command_is_called_that_may_write_there_every_change_waits(
    tmp_path: Path, later: bool
) -> None:
    work, engine = tmp_path / "work", Engine()
    manifests = work / "manifests"
    manifests.mkdir(parents=True)
    sources: Sequence[str] = () if later else (str(manifests),)
    async with started(engine, *sources) as pinning, kept(tmp_path / "home", pinning) as processes:
        script = f": > {work}/begun; until test -e {work}/cue; do sleep 0.01; done"
        grants = Grants(write=(work,), by="command/clean")
        run = asyncio.ensure_future(processes.run(["bash", "-c", script], cwd=work, grants=grants))
        await until((work / "begun").exists)
        if later:
            assert not engine.pins
            async with pinning.following([str(manifests)]):
                pass
        assert engine.pinned == [(str(manifests), "command/clean")]
        (work / "cue").touch()
        assert (await run).exit_code == 0
        engine.gate.set()
        await gone(engine)
        done = await processes.run(["true"], grants=Grants(write=(tmp_path,)), cwd=tmp_path)
        assert done.exit_code == 0
