"""Whatever a model calls, what comes back is a result it can read, and no more than it may see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p42.ai.tools.arguments import fault, fitted
from p42.ai.tools.bench import Declared, Look
from p42.ai.tools.text import MOST, bounded
from p42.ai.tools.tools import Tools
from p42.model.completion import ToolCall
from p42.model.errors import InvalidInput
from tests.tools.shop import OPEN, Shop, rules


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "100 KiB": ({"kind": "x" * 100 * 1024}, "longer than 65536"),
    "100 KiB of names": ({f"k{n}": 1 for n in range(20_000)}, "longer than 65536"),
    "3,000 values": ({"kind": [1] * 3000}, "over 2000 values"),
    "NUL": ({"kind": "a\0b"}, "NUL"),
    "half a character": ({"kind": "\ud800"}, "half a character"),
    "nested": ({"kind": nested(100_000)}, "nested deeper"),
    "unknown field": ({"follow": True}, "follow"),
    "NaN": ({"kind": float("nan")}, "NaN, infinity or a number of over 64 bits"),
    "infinity, deep inside": ({"a": [{"b": [float("-inf")]}]}, "NaN, infinity"),
    "65 bits": ({"a": [1, 1 << 64]}, "over 64 bits"),
    "wrong type": ({"kind": {"a": 1}}, "kind:"),
}


async def test_a_look_answers_as_json_without_secrets(tmp_path: Path) -> None:
    shop = Shop(tmp_path, answer={"items": ["sk-secret"]})
    used = await shop.run("p42_get", {"kind": "all"})
    assert (used.result, used.refused) == ('{"items":["***"]}', False)
    assert shop.asked == [{"kind": "all"}]
    assert shop.notes.said == [("Agent/muse", "ToolUsed", "p42.get", False)]


@pytest.mark.parametrize("name", HOSTILE)
async def test_arguments_nothing_can_take_are_refused_in_a_sentence(
    tmp_path: Path, name: str
) -> None:
    shop = Shop(tmp_path)
    arguments, why = HOSTILE[name]
    used = await shop.run("p42_get", arguments)
    assert used.refused
    assert why in used.result
    assert len(used.result) < 400
    assert shop.asked == []
    assert shop.notes.said == [("Agent/muse", "ToolRefused", "p42.get: bad arguments", True)]
    assert shop.tools.question("muse", OPEN, ToolCall("c", "p42_get", arguments), "s") == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80), st.dictionaries(st.text(max_size=5), JSON))
async def test_no_call_is_more_than_a_result(
    tmp_path: Path, name: str, arguments: dict[str, Any]
) -> None:
    shop = Shop(tmp_path, answer=1)
    for called in (name, "p42_get"):
        used = await shop.run(called, arguments)
        assert 0 < len(used.result.encode()) <= MOST
    kept, _ = fitted(ToolCall("c", name, arguments))
    assert 0 < len(kept.name) <= 64


async def test_a_tool_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    used = await Shop(tmp_path).run("rm_rf\x00", agent=rules(deny=["p42.logs"]))
    assert used.refused
    assert used.result == "refused: there is no tool 'rm_rf\\x00'; there is: p42_get"


class _Loose:
    """A bench whose one verb takes anything."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def looks(self) -> Sequence[Look]:
        return [Look("get", "Objects.", {"type": "object"}, self._shop.looks()[0].ask)]

    def commands(self) -> Sequence[Declared]:
        return ()


async def test_of_many_tools_the_nearest_are_named_and_how_many_more_there_are(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    for number in range(30):
        shop.command(f"c{number}", "true")
    for wrong in ("p42.get", "get", "p42_gets", "P42-get", "x" * 100_000):
        said = (await shop.run(wrong)).result
        assert said.endswith(", and 27 more")
        assert said.count(",") == 5
        assert wrong.startswith("x") or "there is: p42_get, " in said


async def test_to_a_verb_a_whole_float_is_the_integer_that_its_schema_lets_through(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    assert fault({"limit": 1.0}, {"properties": {"limit": {"type": "integer"}}}) == ""
    given = {"limit": 1.0, "some": [2.0, 0.5, 1e300, {"n": -0.0}], "yes": True}
    shop.tools.open(shop.world, _Loose(shop))
    await shop.run("p42_get", given)
    taken = {"limit": 1, "some": [2, 0.5, 1e300, {"n": 0}], "yes": True}
    assert orjson.dumps(shop.asked[0]) == orjson.dumps(taken)


async def test_a_call_that_could_not_be_read_is_refused_with_why(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    call = ToolCall("c", "p42_get", {}, "the arguments are no JSON object: they are null")
    used = await shop.tools.run("muse", OPEN, call, "s", agreed=True)
    assert (used.result, used.refused) == (f"refused: {call.wrong}", True)
    assert shop.asked == []
    assert fitted(call) == (ToolCall("c", "p42_get", {}), call.wrong)
    assert shop.tools.question("muse", rules(ask=["p42.get"]), call, "s") == ""


async def test_before_it_is_opened_there_are_no_tools() -> None:
    tools = Tools()
    assert tools.offered("muse", OPEN) == ()
    assert (await tools.run("muse", OPEN, ToolCall("c", "p42_get", {}), "s")).refused


async def test_what_a_verb_says_is_wrong_is_the_result(tmp_path: Path) -> None:
    shop = Shop(tmp_path, answer=InvalidInput("no kind is called 'x'"))
    assert (await shop.run("p42_get")).result == "failed: no kind is called 'x'"
    assert shop.notes.said == [("Agent/muse", "ToolFailed", "p42.get", True)]


async def test_a_rule_can_have_looks_asked_for(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    asks = rules(ask=["p42.*"])
    assert shop.tools.question("muse", asks, ToolCall("c", "p42_get", {}), "s") == "p42.get"
    refused = await shop.run("p42_get", agent=asks, agreed=False)
    assert "needs a person to agree" in refused.result
    assert not (await shop.run("p42_get", agent=asks)).refused


@pytest.mark.looptime
async def test_a_look_that_never_answers_is_given_up(tmp_path: Path) -> None:
    shop = Shop(tmp_path)

    async def never(agent: str, arguments: Any) -> Any:
        await asyncio.Event().wait()

    shop._get = never  # type: ignore[method-assign]
    assert (await shop.run("p42_get")).result == "failed: not done within 30 s"


@given(st.text(), st.integers(100, 200))
def test_a_result_is_cut_to_the_byte_and_says_so(text: str, most: int) -> None:
    cut = bounded(text * 20, most)
    assert len(cut.encode()) <= most
    assert cut == text * 20 or "(cut: this was" in cut


async def test_tools_that_are_too_many_are_told_of_and_not_dropped_in_silence(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    for number in range(105):
        shop.command(f"c{number}", "true")
    assert await shop.tools.ready("muse", OPEN) == []
    assert len(shop.offered(OPEN)) == 100
    assert shop.notes.said == [("Agent/muse", "ToolsLeftOut", "7 over 100: deny some", True)]
