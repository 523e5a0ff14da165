"""A call that a model writes wrongly is refused to it, and it can say it better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from p42.ai.accounts.breaker import FAILURES
from p42.ai.talk.calling import MOST, TOO_MANY
from p42.model.completion import ToolCall, Usage
from tests.providers.vendors.script import Say as Answer
from tests.talk.room import MUSE, Room, room
from tests.tools.shop import Shop, rules

GOOD = ToolCall("good", "p42_get", {"kind": "all"})
ALLOWED = {**MUSE, **rules()}


def results(there: Room, *, asked: int = -1) -> dict[str, str]:
    """What the vendor was told of the calls, by their ids."""
    told: list[Any] = there.asked[asked]["messages"]
    return {each["tool_call_id"]: each["content"] for each in told if each["role"] == "tool"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"kind": "acc', "the arguments are no JSON object: Unterminated string"),
        ("[]", "they are a list"),
        ('{"kind": NaN}', "NaN is no number of JSON"),
        ('{"kind": [{"deep": [1e400]}]}', "1e400 is too big a number"),
        ('{"kind": %s}' % ("1" * 30), "more than 64 bits"),
    ],
)
async def test_the_message_goes_on_and_the_good_calls_are_run(
    tmp_path: Path, text: str, why: str
) -> None:
    shop = Shop(tmp_path, answer="here")
    calls = (ToolCall("bad", "p42_get", {}, text), GOOD)
    script = [Answer("Hm", calls=calls, usage=Usage(30, 3)), Answer("Done.", usage=Usage(40, 4))]
    async with room(tmp_path, *script, tools=shop.tools) as there:
        await there.declare("muse", ALLOWED)
        said = await there.say("go", session="a")
        assert said.answer.reply.text == "Done."
        assert said.usage == Usage(70, 7)
        assert shop.asked == [{"kind": "all"}]
        told = results(there)
        assert told["bad"].startswith("refused: the arguments are no JSON object")
        assert why in told["bad"]
        assert told["good"] == '"here"'
        assert ("Agent/muse", "ToolRefused", "p42.get: bad arguments", True) in shop.notes.said
        kept = (await there.sessions.turns("a"))[1].more["calls"]
        assert [call["arguments"] for call in kept] == [{}, {"kind": "all"}]


async def test_no_number_of_such_calls_takes_the_account_from_the_others(tmp_path: Path) -> None:
    shop = Shop(tmp_path, answer="here")
    bad = Answer("", calls=(ToolCall("bad", "p42_get", {}, "null"),))
    script = [step for _ in range(FAILURES + 1) for step in (bad, Answer("Sorry."))]
    async with room(tmp_path, *script, tools=shop.tools) as there:
        await there.declare("muse", ALLOWED)
        for _ in range(FAILURES + 1):
            assert (await there.say("go", session="a")).answer.reply.text == "Sorry."


async def test_two_calls_of_one_id_go_back_as_two(tmp_path: Path) -> None:
    shop = Shop(tmp_path, answer="here")
    calls = (ToolCall("c", "p42_get", {}), ToolCall("c", "p42_nothing", {}))
    script = [Answer("", calls=calls), Answer("Done.")]
    async with room(tmp_path, *script, tools=shop.tools) as there:
        await there.declare("muse", ALLOWED)
        await there.say("go", session="a")
        (turn,) = (m for m in there.asked[1]["messages"] if m.get("tool_calls"))
        assert [call["id"] for call in turn["tool_calls"]] == ["c", "c-2"] == [*results(there)]
        assert results(there)["c-2"].startswith("refused: there is no tool 'p42_nothing'")


async def test_a_call_too_many_is_journalled_as_that(tmp_path: Path) -> None:
    shop = Shop(tmp_path, answer="here")
    calls = tuple(ToolCall(f"c{number}", "p42_get", {}) for number in range(MOST + 1))
    async with room(tmp_path, Answer("", calls=calls), Answer("Done."), tools=shop.tools) as there:
        await there.declare("muse", ALLOWED)
        await there.say("go", session="a")
        assert results(there)[f"c{MOST}"] == f"refused: {TOO_MANY}"
    why = "p42_get: one call too many"
    assert shop.notes.said[-1] == ("Agent/muse", "ToolRefused", why, True)
