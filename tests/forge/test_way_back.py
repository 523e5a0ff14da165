"""The way back from an answer that is no good leads to the last version that was in force."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from p42.kinds.command import kind
from p42.kinds.command.seen import Pin
from p42.scripts.lock import LARGEST, name_of, render, rolled_back
from tests.forge.test_prompt import SING, Anvil, answer, anvil

LA = {"tests": [{"expect": {"stdout": "la"}}]}
LOUD: Mapping[str, Any] = {"prompt": "say la loudly", **LA}


def roll_back(there: Anvil, prompt: str = "say la") -> None:
    """As `p42 rollback` does it."""
    lock = rolled_back(there.lock, prompt, None)
    (there.tree / name_of("sing")).write_bytes(render("sing", lock))


def sources(there: Anvil) -> list[str]:
    return [each.source for each in (there.lock.current, *there.lock.earlier)]


async def test_from_answers_that_all_failed_it_leads_to_what_ran_before(tmp_path: Path) -> None:
    wrong = [answer(f"echo wrong {number}") for number in range(3)]
    async with anvil(tmp_path, answer("echo la"), *wrong) as there:
        await there.passes(**LA)
        assert (await there.agree(**LA)).status.ready == "True"
        before = there.command.read_bytes()
        await there.passes(**LOUD)
        for _ in range(3):  # each waits for a word of its own, and fails then
            plan = await there.agree(**LOUD)
        assert plan.status.reason == "TestsFailed"
        assert sources(there) == ["echo wrong 2\n", "echo la\n"]
        roll_back(there, LOUD["prompt"])
        assert (await there.passes(**LOUD)).status.ready == "True"
        assert there.lock.current.source == "echo la\n"
        assert there.command.read_bytes() == before
        roll_back(there, LOUD["prompt"])  # and that can be undone
        assert sources(there) == ["echo wrong 2\n", "echo la\n"]


async def test_so_it_does_with_approve_auto_where_nothing_is_signed(tmp_path: Path) -> None:
    (room := tmp_path / "room").mkdir()
    auto = {"approve": "auto", "sandbox": {"read": [str(room)]}}  # tested once pinned
    script = [answer("echo lo"), answer("echo la"), answer("echo lu"), answer("echo la; true")]
    async with anvil(tmp_path, *script) as there:
        assert (await there.passes(**LA, **auto)).status.ready == "True"
        assert sources(there) == ["echo la\n"]
        assert (await there.passes(**LOUD, **auto)).status.ready == "True"
        assert sources(there) == ["echo la; true\n", "echo la\n"]


async def test_an_answer_nobody_approved_is_gone_with_its_prompt(tmp_path: Path) -> None:
    async with anvil(tmp_path, answer("echo la"), answer("echo li"), answer("echo lo")) as there:
        await there.passes()
        await there.agree()
        await there.passes(prompt="say li")
        await there.passes(prompt="say lo")
        assert sources(there) == ["echo lo\n", "echo la\n"]


async def test_an_old_prompt_brought_back_is_in_the_lock_once(tmp_path: Path) -> None:
    async with anvil(tmp_path, answer("echo la"), answer("echo lo")) as there:
        await there.passes()
        await there.agree()
        await there.passes(prompt="say lo")
        await there.agree(prompt="say lo")
        assert (await there.passes()).status.ready == "True"  # and needs no second word
        assert sources(there) == ["echo la\n", "echo lo\n"]
        assert len(there.server.completions) == 2


@pytest.mark.parametrize("size", [100, LARGEST // 5])
async def test_versions_that_no_longer_fit_are_not_dropped_in_silence(
    tmp_path: Path, size: int
) -> None:
    wishes = [f"say {number}" for number in range(6)]
    script = [answer(f"echo {wish} # {'x' * size}") for wish in wishes]
    async with anvil(tmp_path, *script) as there:
        for wish in wishes[:-1]:
            await there.passes(prompt=wish)
            await there.agree(prompt=wish)
        told = await pin_of(there, wishes[-1])
        assert ("1 of the oldest versions" in told.detail) == (size > 100), told.detail


async def pin_of(there: Anvil, prompt: str) -> Pin:
    """The step that writes the answer to `prompt` into the lock."""
    driver = kind.driver(there.world)
    while True:
        want = there.want(prompt=prompt)
        plan = kind.plan(want, await driver.observe(SING, want), there.clock.now())
        for step in plan.steps:
            if isinstance(step, Pin):
                return step
            await driver.act(SING, want, step)
        if plan.in_flight:
            await there.ended.wait()
            there.ended.clear()
