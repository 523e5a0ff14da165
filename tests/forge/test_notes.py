"""What the forge notes in a manifest is known to p42; one prompt is asked once for all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from p42.kinds.command import kind
from p42.manifest.rules import Rules
from p42.model.refs import Ref
from tests.forge.smithy import BOOK, smithy
from tests.forge.test_prompt import SING, answer, anvil

OTHERS = (Ref("Command", "sing-two"), Ref("Command", "sing-three"))


async def test_no_annotation_that_the_forge_writes_is_unknown(tmp_path: Path) -> None:
    async with smithy(tmp_path) as there:
        await there.one(name="hello", implementation="echo hi", description="Greets.")
        written = there.read("hello")
        assert len(written.annotations) == 3
        assert list(Rules(BOOK).annotations([written])) == []


async def test_prompts_of_one_text_are_asked_once_and_all_hear_of_the_answer(
    tmp_path: Path,
) -> None:
    gate = asyncio.Event()
    async with anvil(tmp_path, replace(answer(), hold=gate)) as there:
        driver, now = kind.driver(there.world), there.clock.now()
        for ref in (SING, *OTHERS):
            want = replace(there.want(), ref=ref)
            for step in kind.plan(want, await driver.observe(ref, want), now).steps:
                await driver.act(ref, want, step)
        gate.set()
        async with asyncio.timeout(20):
            while there.woken != {SING, *OTHERS}:
                there.ended.clear()
                await there.ended.wait()
        assert len(there.server.completions) == 1
