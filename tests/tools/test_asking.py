"""A call that a person has to agree to waits for the person; silence and nobody mean no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from p42.ai.talk.calling import MOST
from p42.ai.talk.questions import MOST as MOST_OPEN
from p42.ai.talk.questions import Questions
from p42.model.completion import ToolCall
from p42.model.errors import P42Error
from p42.model.talk import Asked, Forged, Heard, Said, Say, Spoken, Used
from tests.providers.vendors.script import Say as Answer
from tests.talk.room import MUSE, Room, room
from tests.tools.shop import Shop, rules

CALL = ToolCall("c1", "p42_get", {"kind": "all"})
ASKS = rules(ask=["p42.get"])


@asynccontextmanager
async def talking(
    home: Path, *script: Any, agent: Mapping[str, Any] = ASKS
) -> AsyncIterator[tuple[Room, Shop]]:
    """Muse, with the tools of a shop."""
    shop = Shop(home, answer="here")
    async with room(home, *script, tools=shop.tools) as there:
        await there.declare("muse", {**MUSE, **agent})
        yield there, shop


async def spoken(there: Room, text: str, **decision: Any) -> list[Spoken]:
    """All pieces; whoever asks is answered so."""
    pieces: list[Spoken] = []
    async with aclosing(there.talks.say(Say("muse", text, session="a", person=True))) as coming:
        async for piece in coming:
            pieces.append(piece)
            if isinstance(piece, Asked) and decision:
                there.talks.decide(piece.id, **decision)
    return pieces


class Ear:
    """Hears which calls of a reply were taken."""

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []

    async def heard(self, heard: Heard) -> Sequence[Forged]:
        self.calls += heard.calls
        return ()


def used(pieces: list[Spoken]) -> list[tuple[str, bool]]:
    return [(piece.result, piece.refused) for piece in pieces if isinstance(piece, Used)]


async def test_a_call_is_told_asked_for_run_and_answered(tmp_path: Path) -> None:
    async with talking(tmp_path, Answer("", calls=(CALL,)), Answer("Done.")) as (there, shop):
        pieces = await spoken(there, "go", allow=True)
        assert [type(piece).__name__ for piece in pieces[:3]] == ["ToolCall", "Asked", "Used"]
        assert used(pieces) == [('"here"', False)]
        assert shop.asked == [{"kind": "all"}]
        assert there.asked[1]["messages"][-1]["content"] == '"here"'
        assert there.asked[0]["tools"][1]["function"]["name"] == "p42_get"


async def test_no_means_no_and_the_conversation_goes_on(tmp_path: Path) -> None:
    async with talking(tmp_path, Answer("", calls=(CALL,)), Answer("Fine.")) as (there, shop):
        pieces = await spoken(there, "go", allow=False)
        assert used(pieces) == [("refused: a person said no to p42.get", True)]
        assert isinstance(pieces[-1], Said)
        assert shop.asked == []
        assert shop.notes.said == [("Agent/muse", "ToolRefused", "p42.get", True)]


async def test_nobody_there_is_refused_at_once(tmp_path: Path) -> None:
    async with talking(tmp_path, Answer("", calls=(CALL,)), Answer("Fine.")) as (there, shop):
        await there.say("go", session="a")
        assert [turn[:2] for turn in await there.told("a")][2] == (
            "tool", "refused: p42.get needs a person to agree, and nobody is there to be asked",
        )  # fmt: skip
        assert shop.asked == []


async def test_always_holds_for_the_tool_and_the_session(tmp_path: Path) -> None:
    script = [Answer("", calls=(CALL,)), Answer("1"), Answer("", calls=(CALL,)), Answer("2"),
              Answer("", calls=(CALL,)), Answer("3")]  # fmt: skip
    async with talking(tmp_path, *script) as (there, shop):
        await spoken(there, "go", allow=True, always=True)
        pieces = await spoken(there, "again")
        assert not [piece for piece in pieces if isinstance(piece, Asked)]
        assert len(shop.asked) == 2
        await there.say("elsewhere", session="b")
        assert len(shop.asked) == 2


async def test_a_denied_tool_is_not_run_whatever_a_person_said(tmp_path: Path) -> None:
    script = [Answer("", calls=(CALL,)), Answer("1"), Answer("", calls=(CALL,)), Answer("2")]
    async with talking(tmp_path, *script) as (there, shop):
        await spoken(there, "go", allow=True, always=True)
        await there.declare("muse", {**MUSE, **rules(deny=["p42.get"])})
        pieces = await spoken(there, "again")
        assert used(pieces)[0][1]
        assert len(shop.asked) == 1


async def test_silence_means_no(tmp_path: Path) -> None:
    async with talking(tmp_path, Answer("", calls=(CALL,)), Answer("Fine.")) as (there, _):
        say = Say("muse", "go", session="a", person=True, timeout=0.6)
        coming = there.talks.say(say)
        assert isinstance(await anext(coming), ToolCall)
        assert isinstance(await anext(coming), Asked)
        assert isinstance(await anext(coming), Used)
        await coming.aclose()
        assert (await there.told("a"))[2][1] == (
            "refused: p42.get needs a person to agree, and nobody answered"
        )


@pytest.mark.looptime
async def test_a_question_waits_a_minute_and_is_over_then() -> None:
    questions = Questions()
    question = questions.put("s", "p42.get", CALL)
    assert question is not None
    assert await questions.answer(question, 60) is None
    assert asyncio.get_running_loop().time() == 60
    with pytest.raises(P42Error, match="is over"):
        questions.decide(question.id, allow=True)


async def test_no_more_questions_than_a_person_can_read_are_open() -> None:
    questions = Questions()
    opened = [questions.put("s", "p42.get", CALL) for _ in range(MOST_OPEN + 1)]
    assert opened[-1] is None
    assert opened[0] is not None
    questions.decide(opened[0].id, allow=True)
    assert questions.put("s", "p42.get", CALL) is not None


async def test_a_client_that_leaves_takes_its_question_along(tmp_path: Path) -> None:
    async with talking(tmp_path, Answer("", calls=(CALL,)), Answer("Fine.")) as (there, shop):
        say = Say("muse", "go", session="a", person=True)
        async with aclosing(there.talks.say(say)) as coming:
            async for piece in coming:
                if isinstance(piece, Asked):
                    break
        with pytest.raises(P42Error, match="is over"):
            there.talks.decide(piece.id, allow=True)  # type: ignore[union-attr]
        assert shop.asked == []
        await there.say("and now?", session="a")
        tool = next(m for m in there.asked[1]["messages"] if m["role"] == "tool")
        assert "broken off" in tool["content"]


async def test_a_reply_that_calls_too_much_is_told_so(tmp_path: Path) -> None:
    calls = tuple(ToolCall(f"c{n}", "p42_logs", {}) for n in range(MOST + 3))
    async with talking(tmp_path, Answer("", calls=calls), Answer("Fine.")) as (there, _):
        results = used(await spoken(there, "go"))
        assert [refused for _, refused in results] == [False] * MOST + [True] * 3
        assert "may call 8 tools" in results[-1][0]


@pytest.mark.parametrize(
    "hostile", [{"kind": "x" * 100 * 1024}, {"kind": "a\0b"}, {"kind": "\ud800"}]
)
async def test_hostile_arguments_are_not_repeated_to_anybody(
    tmp_path: Path, hostile: dict[str, Any]
) -> None:
    call = ToolCall("c1", "p42 get; rm -rf", hostile)
    async with talking(tmp_path, Answer("", calls=(call,)), Answer("Fine.")) as (there, shop):
        pieces = await spoken(there, "go", allow=True)
        assert pieces[0] == ToolCall("c1", "p42_get__rm_-rf", {})
        assert used(pieces)[0][1]
        assert shop.asked == []
        sent = there.asked[1]["messages"][-2]["tool_calls"][0]["function"]
        assert sent == {"name": "p42_get__rm_-rf", "arguments": "{}"}


async def test_a_forging_agent_with_tools_can_forge_by_a_call(tmp_path: Path) -> None:
    spec = {"name": "hi", "implementation": "echo hi"}
    script = [Answer("", calls=(ToolCall("c1", "forge_command", spec),)), Answer("Made.")]
    ear = Ear()
    shop = Shop(tmp_path)
    async with room(tmp_path, *script, tools=shop.tools, listener=ear) as there:
        await there.declare("muse", {**MUSE, **ASKS})
        await there.say("make it", session="a")
        assert [call.arguments for call in ear.calls] == [spec]
        assert "before a person has read" in there.asked[1]["messages"][-1]["content"]


async def test_calls_of_the_past_are_text_where_tools_are_offered_no_more(tmp_path: Path) -> None:
    script = [Answer("", calls=(CALL,)), Answer("1"), Answer("2")]
    async with talking(tmp_path, *script) as (there, _):
        await spoken(there, "go", allow=True)
        await there.declare("muse", MUSE)
        await there.say("and?", session="a")
        assert [(m["role"], m["content"]) for m in there.asked[2]["messages"][1:]] == [
            ("user", "go"), ("assistant", "[called p42_get]"),
            ("user", '[a tool gave: "here"]'), ("assistant", "1"), ("user", "and?"),
        ]  # fmt: skip
        assert "tools" not in there.asked[2]
