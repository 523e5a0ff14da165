"""The laws that bind plans to the world: real directories, real processes, a real database."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.model.kind import AnyKind, Want
from tests.laws.reality import Reality, reality
from tests.laws.situations import KINDS, stable, wants

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
few = settings(max_examples=12)  # each makes a home, a database and processes


def _in_a_home(kind: AnyKind, tell: Callable[[Reality], Awaitable[None]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as directory:
            async with reality(kind, Path(directory) / "home") as there:
                await tell(there)

    asyncio.run(run())


async def _act_and_compare(there: Reality, want: Want[Any], wish: Want[Any] | None) -> None:
    """Every step of one pass leaves what it was predicted to leave."""
    kind, ref = there.kind, want.ref
    seen, plan = await there.look(ref, wish)
    for step in plan.steps:
        predicted = kind.predict(seen, step)
        await there.driver.act(ref, wish, step)
        seen = await there.driver.observe(ref, wish)
        assert stable(kind, seen) == stable(kind, predicted), step


@every_kind
@few
@given(data=st.data())
def test_after_a_step_reality_is_as_predicted(kind: AnyKind, data: st.DataObject) -> None:
    want = data.draw(wants(kind))

    async def tell(there: Reality) -> None:
        await _act_and_compare(there, want, want)
        await there.make(want.ref, want)
        await _act_and_compare(there, want, None)

    _in_a_home(kind, tell)


@every_kind
@few
@given(data=st.data())
def test_an_unchanged_world_has_no_drift(kind: AnyKind, data: st.DataObject) -> None:
    want = data.draw(wants(kind))

    async def tell(there: Reality) -> None:
        first, plan = await there.make(want.ref, want)
        again, second = await there.look(want.ref, want)
        assert second == plan
        assert second.steps == ()
        assert again == first

    _in_a_home(kind, tell)


@every_kind
@few
@given(data=st.data())
def test_what_is_gone_left_nothing_but_the_home(kind: AnyKind, data: st.DataObject) -> None:
    want = data.draw(wants(kind))

    async def tell(there: Reality) -> None:
        await there.make(want.ref, want)
        seen, _ = await there.make(want.ref, None)
        assert stable(kind, seen) == stable(kind, kind.nothing)
        if there.commands.is_dir():
            assert [path.name for path in there.commands.iterdir()] in ([], [".p42"])
        rooms = there.world.home / "run" / "tests"
        assert not rooms.is_dir() or not list(rooms.iterdir())

    _in_a_home(kind, tell)
