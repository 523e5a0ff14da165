"""A message that a vendor will not take does not keep it from taking those that come after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p42.model.errors import Refused, TooLong
from tests.providers.vendors.script import Say as Answer
from tests.providers.vendors.script import Status, Step
from tests.talk.room import MUSE, Room, room

ROOM = 3000  # bytes of messages that the scripted vendor takes
MEMORY = {"window": 20, "keepFirst": 2, "maxTokens": None, "summarize": False}
SPEAKER = {**MUSE, "memory": MEMORY}


def sizes(there: Room) -> list[int]:
    """Bytes of the messages of each request."""
    return [size(body) for body in there.asked]


def size(body: Any) -> int:
    return sum(len(message["content"]) for message in body["messages"])


def takes(most: int) -> Callable[[Any], Step]:
    """A vendor that refuses what is longer."""

    def answer(seen: Any) -> Step:
        if size(seen.body) > most:
            said = f"This model's maximum context length is {most} tokens."
            return Status(400, said, kind="context_length_exceeded")
        return Answer("Yes.")

    return answer


def questions(body: Any) -> list[str]:
    """What the vendor was shown of what was asked."""
    return [m["content"] for m in body["messages"] if m["role"] == "user"]


def system(body: Any) -> str:
    return str(body["messages"][0]["content"])


async def test_what_is_too_long_is_refused_once_and_the_next_message_is_answered(
    tmp_path: Path,
) -> None:
    async with room(tmp_path, models=["gpt-nobody-knows"]) as there:
        await there.declare("muse", SPEAKER)
        there.server.script = takes(ROOM)
        await there.say("First.", session="a")
        with pytest.raises(TooLong, match=r"this message is about \d+ tokens: say it in parts"):
            await there.say("x" * 300_000, session="a")
        assert (await there.say("And now?", session="a")).answer.reply.text == "Yes."
        assert questions(there.asked[-1]) == ["First.", "And now?"]
        assert "1 earlier messages of this conversation are not shown" in system(there.asked[-1])
        assert "xxx" not in system(there.asked[-1])
        kept = [content for _, content, _ in await there.told("a")]
        assert kept[2] == "x" * 300_000


async def test_a_conversation_that_grew_too_long_is_shown_in_part_and_that_is_remembered(
    tmp_path: Path,
) -> None:
    async with room(tmp_path, models=["gpt-nobody-knows"]) as there:
        await there.declare("muse", SPEAKER)
        there.server.script = takes(10**9)
        for n in range(9):
            await there.say(f"{n}" + "y" * 500, session="a")
        there.server.script = takes(ROOM)
        await there.say("z", session="a")
        tries = len(there.asked)
        assert 9 < tries <= 9 + 4
        assert sizes(there)[-1] <= ROOM
        assert questions(there.asked[-1])[-1] == "z"
        await there.say("And now?", session="a")
        await there.say("Somebody else.", session="b")
        assert len(there.asked) == tries + 2, "what was learned is not tried again"


async def test_of_what_a_vendor_refuses_a_question_without_an_answer_is_doubted_first(
    tmp_path: Path,
) -> None:
    def filtered(seen: Any) -> Step:
        bad = "forbidden" in str(seen.body["messages"])
        return Status(400, "content_filter", kind="content_filter") if bad else Answer("Yes.")

    async with room(tmp_path) as there:
        await there.declare("muse", SPEAKER)
        there.server.script = filtered
        await there.say("First.", session="a")
        with pytest.raises(Refused):
            await there.say("The forbidden word.", session="a")
        for _ in range(2):
            await there.say("And now?", session="a")
        assert questions(there.asked[-1]) == ["First.", "And now?", "And now?"]
        assert "1 of them since the provider would not take them" in system(there.asked[-1])
        # First, the refused one, the next with and without it, and the last without it at once.
        assert len(there.asked) == 5


async def test_what_is_refused_for_itself_is_asked_once(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        there.server.script = lambda _: Status(400, "temperature: no")
        with pytest.raises(Refused, match="temperature: no"):
            await there.say("One.", session="a")
        assert len(there.asked) == 1


async def test_nothing_that_the_list_says_does_not_fit_is_sent(tmp_path: Path) -> None:
    async with room(tmp_path, models=["gpt-4"]) as there:  # it has room for 8192
        await there.declare("muse", SPEAKER)
        for n in range(10):
            await there.say(f"{n}" + "y" * 6000, session="a")
        assert max(sizes(there)) <= 8192 * 3
        assert questions(there.asked[-1])[-1].startswith("9")
        assert "are not shown" in system(there.asked[-1])


async def test_a_budget_that_is_declared_holds_where_more_would_fit(tmp_path: Path) -> None:
    async with room(tmp_path, models=["gpt-4"]) as there:
        await there.declare("muse", {**SPEAKER, "memory": {**MEMORY, "maxTokens": 500}})
        for n in range(6):
            await there.say(f"{n}" + "y" * 600, session="a")
        shown = "".join(m["content"] for m in there.asked[-1]["messages"][1:])
        assert len(shown) <= 500 * 3


async def test_another_model_is_shown_what_one_would_not_take(tmp_path: Path) -> None:
    async with room(tmp_path, models=["small", "large"]) as there:
        await there.declare("muse", SPEAKER)

        def answer(seen: Any) -> Step:
            return takes(ROOM if seen.body["model"] == "small" else 10**9)(seen)

        there.server.script = answer
        with pytest.raises(TooLong):
            await there.say("x" * 9000, session="a")
        await there.say("And now?", session="a")
        assert questions(there.asked[-1]) == ["And now?"]
        await there.say("And you?", session="a", model="large")
        assert len(questions(there.asked[-1])[0]) > 9000


async def test_a_command_is_forged_in_a_conversation_that_is_too_long(tmp_path: Path) -> None:
    async with room(tmp_path, models=["gpt-nobody-knows"]) as there:
        await there.declare("muse", SPEAKER)
        there.server.script = takes(ROOM + 2000)  # the task itself is long
        with pytest.raises(TooLong):
            await there.say("x" * 300_000, session="a")
        said = await there.say("/forge a lamp", session="a")
        assert said.answer.reply.text == "Yes."
        assert questions(there.asked[-1]) == ["/forge a lamp"]


def whole(most: int) -> Callable[[Any], Step]:
    """A vendor that counts all it is sent, the system text too, and is not on any list."""

    def answer(seen: Any) -> Step:
        long = sum(len(str(message["content"])) for message in seen.body["messages"]) > most
        return Status(400, "prompt is too long") if long else Answer("Yes.")

    return answer


async def test_what_is_told_of_hidden_messages_gets_less_as_well(tmp_path: Path) -> None:
    async with room(tmp_path, models=["gpt-nobody-knows"]) as there:
        await there.declare("muse", {**MUSE, "memory": {**MEMORY, "keepFirst": 2}})
        there.server.script = whole(1500)
        for n in range(40):
            said = await there.say(f"question {n} " + "q" * 150, session="a")
            assert said.answer.reply.text == "Yes."
        before = len(there.asked)
        for n in range(5):
            await there.say(f"and {n}?", session="a")
        assert len(there.asked) == before + 5, "what was learned is not tried again"
        assert questions(there.asked[-1])[-2:] == ["and 3?", "and 4?"]


async def test_what_one_agent_learned_of_a_model_holds_of_whole_prompts(tmp_path: Path) -> None:
    async with room(tmp_path, models=["gpt-nobody-knows"]) as there:
        long = {**SPEAKER, "persona": "You are wordy. " * 200}
        await there.declare("muse", SPEAKER)
        await there.declare("wordy", long)
        there.server.script = whole(3300)
        for n in range(6):
            await there.say(f"{n} " + "q" * 100, session="short")
            await there.say(f"{n} " + "q" * 100, session="long", agent="wordy")
        await there.say("And now?", session="short")
        assert len(questions(there.asked[-1])) == 7


async def test_a_persona_that_is_too_long_is_said_to_be_that(tmp_path: Path) -> None:
    async with room(tmp_path, models=["gpt-nobody-knows"]) as there:
        await there.declare("muse", {**SPEAKER, "persona": "You are wordy. " * 200})
        there.server.script = whole(1000)
        with pytest.raises(TooLong, match=r"\(persona, project, tools\) is about 1\d+ tokens"):
            await there.say("hello", session="a")


async def test_no_persona_takes_all_of_a_models_room(tmp_path: Path) -> None:
    async with room(tmp_path, models=["gpt-4"]) as there:  # it has room for 8192
        await there.declare("muse", {**SPEAKER, "persona": "You are wordy. " * 5000})
        await there.say("hello", session="a")
        assert len(system(there.asked[-1])) < 8192 / 2 * 3 + 100
        assert "the rest is left out" in system(there.asked[-1])


async def test_one_short_answer_after_a_refusal_does_not_make_the_model_small(
    tmp_path: Path,
) -> None:
    async with room(tmp_path, models=["gpt-nobody-knows"]) as there:
        await there.declare("muse", {**SPEAKER, "memory": {**MEMORY, "window": 2}})
        there.server.script = takes(10**9)
        await there.say("x" * 9000, session="a")
        there.server.script = takes(ROOM + 2000)
        await there.say("ok?", session="a")
        assert questions(there.asked[-1]) == ["ok?"]
        await there.declare("muse", SPEAKER)
        for n in range(5):
            await there.say(f"{n} " + "q" * 300, session="b")
        assert len(questions(there.asked[-1])) == 5
