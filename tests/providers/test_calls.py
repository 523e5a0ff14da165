"""What a model writes as a call's arguments is its own mistake, and never the vendor's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.model.completion import Reply, ToolCall, Usage
from p42.providers.calls import Calls, call_of
from tests.providers.kit import EVERY, Vendor, at, pieces, reply
from tests.providers.vendors import Say

GOOD = ToolCall("good", "look", {"path": "a"})
WRONG = {
    '{"kind": "acc': "Unterminated string",
    "[]": "they are a list",
    "null": "they are null",
    '"text"': "they are a text",
    "3": "they are a number",
    '{"kind": NaN}': "NaN is no number of JSON",
    '{"kind": [{"deep": -Infinity}]}': "-Infinity is no number",
    '{"limit": 1e400}': "too big a number",
    '{"limit": 18446744073709551616}': "more than 64 bits",
    '{"limit": %s}' % ("9" * 5000): "more than 64 bits",
    '{"a": %s' % ("[" * 100_000): "nested too deep",
}


@EVERY
@pytest.mark.parametrize("text", WRONG)
async def test_a_call_with_arguments_nobody_can_read_is_handed_on_beside_the_good_ones(
    vendor: Vendor, text: str
) -> None:
    used = Usage(input=120, output=7)
    bad = ToolCall("bad", "look", {}, text)
    async with at(vendor, Say("Hm", calls=(bad, GOOD), usage=used)) as (provider, _):
        said = await pieces(provider)
    last = said[-1]
    assert isinstance(last, Reply)
    assert {piece.id for piece in said if isinstance(piece, ToolCall)} == {"bad", "good"}
    first, second = last.calls
    assert (first.id, first.arguments, second) == ("bad", {}, GOOD)
    assert WRONG[text] in first.wrong
    assert len(first.wrong) < 200
    assert (last.stop, last.usage, last.text) == ("tools", used, "Hm")


@EVERY
@pytest.mark.parametrize("text", WRONG)
async def test_one_that_the_limit_cut_is_nobodys_mistake(vendor: Vendor, text: str) -> None:
    say = Say("Hm", calls=(GOOD, ToolCall("bad", "look", {}, text)), stop="length")
    async with at(vendor, say) as (provider, _):
        last = await reply(provider)
    assert (last.calls, last.stop) == ((GOOD,), "length")


@EVERY
async def test_calls_that_a_vendor_gives_one_id_get_two(vendor: Vendor) -> None:
    calls = tuple(ToolCall("c1", "look", {"n": n}) for n in range(3))
    async with at(vendor, Say("", calls=calls)) as (provider, _):
        last = await reply(provider)
    assert [call.id for call in last.calls] == ["c1", "c1-2", "c1-3"]
    assert [call.arguments for call in last.calls] == [{"n": n} for n in range(3)]


@given(st.lists(st.text(st.characters(), max_size=3) | st.sampled_from(["c", "c-2"]), max_size=8))
def test_no_two_ids_are_one_and_each_can_be_kept(ids: list[str]) -> None:
    given_ = Calls()
    names = [given_.name(each) for each in ids]
    assert len(set(names)) == len(names)
    assert all(name.isprintable() and name.encode() for name in names)


@given(st.text())
def test_any_text_is_a_call_that_can_be_written_again(text: str) -> None:
    call = call_of("c", "look", text)
    assert json.loads(json.dumps(dict(call.arguments), allow_nan=False)) == call.arguments
    assert not call.wrong or call.arguments == {}


def test_no_arguments_are_none() -> None:
    assert call_of("c", "look", "") == ToolCall("c", "look", {})
