"""What is told of an answer that did not come in time: as it was typed, and what came of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from p42.ai.accounts.exchange import _typed
from p42.model.errors import TimedOut
from tests.ai.scene import scene, spec
from tests.providers.vendors import Hang, OpenAIServer, Say


@pytest.mark.parametrize(("left", "typed"), [(0.2941, "0.3"), (0.3, "0.3"), (0.991, "1")])
async def test_a_deadline_is_told_as_it_was_typed(left: float, typed: str, tmp_path: Path) -> None:
    """`--timeout 1s` was told of as 0.99 s: some of it had gone before the account was asked."""
    async with OpenAIServer([Hang()]) as server, scene(tmp_path, main=spec(server)) as there:
        with pytest.raises(TimedOut) as late:
            await there.ask(timeout=left)
        assert f"account/main did not answer within {typed} s; give" in str(late.value).lower()


@pytest.mark.parametrize(
    ("left", "typed"),
    [(0.001, "0.1"), (1.1, "1.1"), (1.4812, "1.5"), (1.999, "2"), (2.5, "2.5"), (29.8137, "30"),
     (119.2, "119.2"), (119.9971, "120")],
)  # fmt: skip
def test_what_is_left_of_a_longer_one_is_told_in_whole_seconds(left: float, typed: str) -> None:
    assert _typed(left) == typed


async def test_what_came_in_part_is_not_called_no_answer(tmp_path: Path) -> None:
    """Five words were on the screen, and it was said that it did not answer."""
    hold = asyncio.Event()
    steps = [Say("one two three four five", hold=hold, after=3)]
    async with OpenAIServer(steps) as server, scene(tmp_path, main=spec(server)) as there:
        with pytest.raises(TimedOut, match=r": its answer was not whole within 0\.5 s; give it"):
            await there.ask(timeout=0.5)
