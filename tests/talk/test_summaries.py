"""A summary leaves nothing out between what is shown and what it tells."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.ai.talk.summaries import CUT, FRESH, portion
from p42.model.plan import Instant
from p42.model.session import Session, Turn
from tests.providers.vendors.script import Say as Answer
from tests.providers.vendors.script import Status
from tests.talk.room import MUSE, Room, room

MEMORY = {"window": 4, "keepFirst": 2, "maxTokens": None, "summarize": True}


def summing(body: Any) -> bool:
    return "Sum up" in str(body["messages"][0]["content"])


def summaries(there: Room) -> list[str]:
    """What was given to be summed up."""
    return [body["messages"][1]["content"] for body in there.asked if summing(body)]


def answer(seen: Any) -> Any:
    return Answer("A summary." if summing(seen.body) else "Yes.")


async def summed(there: Room, session: str, upto: int) -> None:
    """Until that many turns are told of."""
    async with asyncio.timeout(5):
        while (await there.sessions.get(session) or nobody()).summarized < upto:
            await asyncio.sleep(0)


def nobody() -> Session:
    return Session("", "", Instant(0), Instant(0))


@given(st.lists(st.text(max_size=40), min_size=1, max_size=20), st.integers(1, 400))
def test_a_portion_is_the_beginning_and_says_where_it_ends(texts: list[str], most: int) -> None:
    turns = [Turn(n, "user", text, Instant(0)) for n, text in enumerate(texts)]
    said, upto = portion(turns, most=most)
    assert 1 <= upto <= len(turns)
    for turn in turns[:upto]:
        assert turn.content in said or CUT in said
    assert upto == len(turns) or upto == 1 or len(said.encode()) <= most + upto * len(CUT)


async def test_what_was_shown_at_first_is_told_once_the_window_is_smaller(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        there.server.script = answer
        await there.declare("muse", {**MUSE, "memory": MEMORY})
        await there.say("My name is Gordon.", session="a")
        for number in range(5):
            await there.say(f"question {number}", session="a")
        await summed(there, "a", 1)
        assert "My name is Gordon." in summaries(there)[0]
        await there.declare("muse", {**MUSE, "memory": {**MEMORY, "keepFirst": 0}})
        await there.say("Who am I?", session="a")
        shown = str(next(b for b in reversed(there.asked) if not summing(b))["messages"])
        assert "My name is Gordon." not in shown
        assert "A summary." in shown


async def test_of_what_is_too_much_for_one_summary_the_rest_is_told_by_its_beginnings(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        there.server.script = answer
        await there.declare("muse", {**MUSE, "memory": MEMORY})
        turns = long_ones()
        await there.sessions.put(
            Session("a", "muse", Instant(1), Instant(1), messages=len(turns)), turns
        )
        for said in range(1, 4):
            await there.say("And now?", session="a")
            await summed(there, "a", 1)
            session = await there.sessions.get("a")
            assert session is not None
            chat = [str(b["messages"]) for b in there.asked if not summing(b)][-1]
            told = "".join(summaries(there))
            lost = [n for n in range(20) if f"FACT-{n} " not in chat + told]
            assert not lost, said
        assert len(summaries(there)) > 1


def long_ones() -> Sequence[Turn]:
    """Twenty questions of two kilobytes, with their answers."""
    said = [(f"FACT-{n} " + "z" * 2000, "Noted.") for n in range(20)]
    flat = [text for pair in said for text in pair]
    roles = ("user", "assistant")
    return [Turn(n, roles[n % 2], text, Instant(1)) for n, text in enumerate(flat)]


async def test_one_summary_of_a_session_is_made_at_a_time(tmp_path: Path) -> None:
    gate = asyncio.Event()

    def script(seen: Any) -> Any:
        return Answer("A summary.", hold=gate) if summing(seen.body) else Answer("Yes.")

    async with room(tmp_path) as there:
        there.server.script = script
        await there.declare("muse", {**MUSE, "memory": MEMORY})
        for number in range(12):
            await there.say(f"question {number}", session="a")
        assert len(summaries(there)) == 1
        gate.set()
        await summed(there, "a", 1)


async def test_it_is_asked_of_the_model_that_was_asked_for(tmp_path: Path) -> None:
    async with room(tmp_path, models=["gpt-4o"]) as there:
        there.server.script = answer
        await there.declare("muse", {**MUSE, "memory": MEMORY})
        for number in range(FRESH):
            await there.say(f"question {number}", session="a", model="gpt-4o-mini")
        await summed(there, "a", 1)
        assert {body["model"] for body in there.asked} == {"gpt-4o-mini"}


async def test_one_that_fails_is_told_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def script(seen: Any) -> Any:
        return Status(400, "no") if summing(seen.body) else Answer("Yes.")

    async with room(tmp_path) as there:
        there.server.script = script
        await there.declare("muse", {**MUSE, "memory": MEMORY})
        with caplog.at_level(logging.WARNING, "p42.ai"):
            for number in range(FRESH):
                await there.say(f"question {number}", session="a")
            async with asyncio.timeout(5):
                while "cannot be summed up" not in caplog.text:
                    await asyncio.sleep(0)


async def test_one_that_is_too_long_is_asked_for_with_less(tmp_path: Path) -> None:
    def script(seen: Any) -> Any:
        if not summing(seen.body):
            return Answer("Yes.")
        long = len(seen.body["messages"][1]["content"]) > 5000
        return Status(400, "prompt is too long") if long else Answer("A summary.")

    async with room(tmp_path, models=["gpt-nobody-knows"]) as there:
        there.server.script = script
        await there.declare("muse", {**MUSE, "memory": MEMORY})
        await there.sessions.put(Session("a", "muse", Instant(1), Instant(1)), long_ones())
        await there.say("And now?", session="a")
        await summed(there, "a", 1)
        assert len(summaries(there)) > 1


async def test_after_one_that_failed_none_is_asked_for_with_every_message(tmp_path: Path) -> None:
    def script(seen: Any) -> Any:
        return Status(400, "no") if summing(seen.body) else Answer("Yes.")

    async with room(tmp_path) as there:
        there.server.script = script
        await there.declare("muse", {**MUSE, "memory": MEMORY})
        for number in range(FRESH + 6):
            await there.say(f"question {number}", session="a")
        assert len(summaries(there)) == 1
