"""Splice: the block goes in and out, and not one other byte moves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.manifest.parse import parse
from p42.manifest.write.splice import Refused, splice
from tests.write import corpus

GOOD = {
    "observedSpec": "9f3c1a0b7d42",
    "conditions": [{"type": "Ready", "status": "True", "reason": "Reconciled"}],
    "endpoint": "auto",
}
BAD = {
    "observedSpec": "123456789012",
    "conditions": [
        {"type": "Ready", "status": "False", "reason": "Waiting", "message": 'A/b: "x" # \u2028\n'}
    ],
}
CASES = corpus.every()
NAMES = [name for name, _, _ in CASES]


def value(data: bytes, number: int) -> dict[str, object]:
    documents = parse(data.decode("utf-8-sig"))
    return next(d for d in documents if d.index == number).build()  # type: ignore[no-any-return]


def is_inside(outer: bytes, inner: bytes) -> bool:
    """Whether `outer` is `inner` with one run of bytes put in."""
    ahead = 0
    while ahead < len(inner) and outer[ahead] == inner[ahead]:
        ahead += 1
    return outer.endswith(inner[ahead:])


@pytest.mark.parametrize(("name", "text", "number"), CASES, ids=NAMES)
def test_only_the_block_changes(name: str, text: str, number: int) -> None:
    cut = splice(text.encode(), number, None)
    good = splice(text.encode(), number, GOOD)
    bad = splice(good, number, BAD)
    assert is_inside(text.encode(), cut)
    assert is_inside(good, cut)
    assert is_inside(bad, cut)


@pytest.mark.parametrize(("name", "text", "number"), CASES, ids=NAMES)
def test_what_is_written_is_what_is_read(name: str, text: str, number: int) -> None:
    before = value(text.encode(), number) if "alias" not in name else {}
    for status in (GOOD, BAD):
        data = splice(text.encode(), number, status)
        after = value(data, number)
        assert after.pop("status") == status
        before.pop("status", None)
        assert "alias" in name or after == before


@pytest.mark.parametrize(("name", "text", "number"), CASES, ids=NAMES)
def test_twice_is_once_and_cut_is_cut(name: str, text: str, number: int) -> None:
    data = text.encode()
    cut = splice(data, number, None)
    once = splice(data, number, GOOD)
    assert splice(once, number, GOOD) == once
    assert splice(cut, number, None) == cut
    assert splice(once, number, None) == cut
    assert splice(splice(once, number, BAD), number, GOOD) == once


def test_every_line_ends_as_the_others_do() -> None:
    data = splice(corpus.BLOCK["CRLF"].encode(), 0, GOOD)
    assert data.count(b"\n") == data.count(b"\r\n")


def test_a_byte_order_mark_stays_the_first_thing() -> None:
    assert splice(corpus.BLOCK["byte order mark"].encode(), 0, GOOD).startswith(b"\xef\xbb\xbfapi")


@pytest.mark.parametrize("text", corpus.REFUSED.values(), ids=corpus.REFUSED.keys())
def test_what_cannot_be_done_safely_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        splice(text.encode(), 0, GOOD)


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfea\0", b"a: \xff\n", b"[" * 200_000, b"a" * 2_000_000],
    ids=["UTF-16", "Latin-1", "deep", "large"],
)
def test_what_no_reader_would_take_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        splice(data, 0, GOOD)


@pytest.mark.parametrize("status", [{"a": float("nan")}, {"a": float("inf")}, {"a": object()}])
def test_a_status_that_json_cannot_hold_is_refused(status: dict[str, object]) -> None:
    with pytest.raises(Refused, match="cannot be written"):
        splice(corpus.BLOCK["plain"].encode(), 0, status)


def test_a_status_that_says_it_already_stays_as_a_formatter_left_it() -> None:
    text = corpus.SPEC + '  a: 1\nstatus: { "conditions": [ ],\n  "observedSpec": abc }\n'
    assert splice(text.encode(), 0, {"observedSpec": "abc", "conditions": []}) == text.encode()


# Documents made of pieces that have bitten: each line of the spec is one of these.
_PIECES = st.sampled_from(
    ["a: 1", "b: |\n    x\n\n    y", "c: |+\n    x\n\n", "d: >-\n    f", "e: [1, 2]", "f: {g: h}",
     "# c", "  # c", "", "   ", "h: 'q'", "i: \"w\\n\"", "j:", "k:\n    - 1\n    -", "l: m\n    n",
     "status: 1", "o: 🐬", "p: x # c"]
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> str:
    lines = draw(st.lists(_PIECES, max_size=6, unique=True))
    body = "kind: X\nspec:\n  z: 0\n" + "".join(f"  {line}\n" if line else "\n" for line in lines)
    tail = draw(st.sampled_from(["", "# end\n", "\n\n", "  # in\n", corpus.STATUS, "status: {}\n"]))
    return body + tail + draw(st.sampled_from(["", "# after\n", "\n# after\n"]))


@settings(max_examples=150)
@given(
    st.lists(documents(), min_size=1, max_size=3),
    st.sampled_from(["---\n", "...\n---\n", "--- # c\n"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.data(),
)
def test_the_laws_hold_for_generated_files(
    parts: list[str], between: str, eol: str, final: bool, data: st.DataObject
) -> None:
    text = between.join(parts).replace("\n", eol)
    content = (text if final else text.rstrip()).encode()
    number = data.draw(st.integers(0, len(parts) - 1))
    try:
        once = splice(content, number, GOOD)
        cut = splice(content, number, None)
    except Refused:
        # In the way are only: no newline behind a block scalar; blank lines behind the status,
        # which a scalar that keeps such lines would swallow.
        assert not final or "|+" in text
        return
    assert splice(once, number, GOOD) == once
    assert splice(once, number, None) == cut
    assert splice(cut, number, None) == cut
    assert is_inside(once, cut)
    assert is_inside(content, cut)
    for other in range(len(parts)):
        if other != number:
            assert value(once, other) == value(content, other)


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT
    | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(_TEXT.filter(bool), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150)
@given(st.dictionaries(_TEXT.filter(bool), _JSON, max_size=4))
def test_any_json_comes_back_as_it_went_in(status: dict[str, object]) -> None:
    for text in (corpus.BLOCK["plain"], corpus.FLOW["JSON pretty"]):
        data = splice(text.encode(), 0, status)
        assert splice(data, 0, status) == data
        assert value(data, 0)["status"] == _whole(status)


def _whole(value: object) -> object:
    """Floats without a fraction are integers to the reader."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
