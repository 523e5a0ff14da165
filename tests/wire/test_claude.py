"""Lines of the claude CLI become events, however they are cut, and whatever else is among them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from p42.model.completion import Text, ToolCall, Usage
from p42.model.talk import Thinking
from p42.wire import claude
from p42.wire.claude import Began, ClaudeLines, Ended, Returned

RUN: list[dict[str, Any]] = [
    {"type": "system", "subtype": "init", "session_id": "s-1", "model": "claude-x"},
    {"type": "system", "subtype": "status", "status": "requesting"},
    {"type": "stream_event", "event": {"type": "message_start", "message": {"id": "m1"}}},
    {"type": "stream_event", "event": {
        "type": "content_block_start", "content_block": {"type": "thinking", "thinking": ""}}},
    {"type": "stream_event", "event": {
        "type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm"}}},
    {"type": "stream_event", "event": {
        "type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "x"}}},
    {"type": "assistant", "message": {
        "id": "m1", "content": [{"type": "thinking", "thinking": "Hm", "signature": "x"}]}},
    {"type": "stream_event", "event": {
        "type": "content_block_start", "content_block": {"type": "text", "text": ""}}},
    {"type": "stream_event", "event": {
        "type": "content_block_delta", "delta": {"type": "text_delta", "text": "Let me "}}},
    {"type": "stream_event", "event": {
        "type": "content_block_delta", "delta": {"type": "text_delta", "text": "look."}}},
    {"type": "assistant", "message": {
        "id": "m1", "content": [{"type": "text", "text": "Let me look."}]}},
    {"type": "assistant", "message": {"id": "m1", "content": [
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}]}},
    {"type": "user", "message": {"content": [
        {"type": "tool_result", "tool_use_id": "t1", "is_error": True,
         "content": [{"type": "text", "text": "no"}]}]}},
    {"type": "assistant", "parent_tool_use_id": "t9", "message": {
        "id": "m7", "content": [{"type": "text", "text": "a sub-agent's own"}]}},
    {"type": "assistant", "message": {"id": "m2", "content": [{"type": "text", "text": "Done."}]}},
    {"type": "result", "subtype": "success", "is_error": False, "result": "Done.",
     "session_id": "s-1", "total_cost_usd": 0.00035, "usage": {
         "input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2,
         "output_tokens": 4}},
]  # fmt: skip
TOLD = [
    Began("s-1", "claude-x"), Thinking("Hm"), Text("Let me "), Text("look."),
    ToolCall("t1", "Bash", {"command": "ls"}), Returned("t1", "no", failed=True),
    Text("\n\nDone."), Ended("Done.", "s-1", usage=Usage(10, 4, 3, 2), cost=350),
]  # fmt: skip
BYTES = b"".join(json.dumps(each).encode() + b"\n" for each in RUN)


def events(*data: bytes) -> list[Any]:
    lines = ClaudeLines()
    found = [event for part in data for event in lines.feed(part)]
    return [*found, *lines.end()]


def one(**body: Any) -> list[Any]:
    return events(json.dumps(body).encode())


@given(st.lists(st.integers(0, len(BYTES)), max_size=20))
@settings(max_examples=50)
def test_however_it_is_cut_it_tells_the_same(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(BYTES)]
    assert events(*(BYTES[a:b] for a, b in pairwise(ends))) == TOLD


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_bytes_break_it(data: list[bytes]) -> None:
    events(*data, b"\n")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(
        ["type", "event", "message", "content", "delta", "text", "thinking", "usage", "errors",
         "id", "input", "content_block", "subtype", "result", "is_error", "total_cost_usd",
         "output_tokens"]),
        inner | st.sampled_from(
            ["system", "init", "stream_event", "assistant", "user", "result", "text", "tool_use",
             "tool_result", "content_block_delta", "text_delta", "thinking", "thinking_delta"]),
        max_size=5),
    max_leaves=10,
)  # fmt: skip


@given(st.lists(JSON, max_size=5))
@settings(max_examples=150)
def test_no_json_breaks_it(bodies: list[Any]) -> None:
    events(*(json.dumps(body).encode() + b"\n" for body in bodies))


def test_what_is_no_json_object_is_skipped_and_counted() -> None:
    lines = ClaudeLines()
    data = b"not json\n[1]\n\n12\n" + b"[" * 100_000 + b"\n" + BYTES
    assert list(lines.feed(data)) == TOLD
    assert lines.skipped == 4


def test_a_line_without_end_is_not_kept() -> None:
    lines = ClaudeLines()
    for _ in range(20):
        assert list(lines.feed(b"x" * (1 << 20))) == []
        assert len(lines._buffer) <= claude.MAX_LINE + (1 << 20)
    assert list(lines.feed(b"\n" + BYTES)) == TOLD
    assert lines.skipped == 1


def test_an_error_is_an_error_whatever_its_subtype_says() -> None:
    (ended,) = one(type="result", subtype="success", is_error=True, result="API Error: 529 busy",
                   api_error_status=529)  # fmt: skip
    assert (ended.problem, ended.status) == ("API Error: 529 busy", 529)
    (ended,) = one(type="result", subtype="error_during_execution", is_error=True, errors=["a", 1])
    assert ended.problem == "a; 1"
    (ended,) = one(type="result", subtype="error_max_turns")
    assert ended.problem == "error_max_turns"


def test_an_error_that_the_cli_words_as_an_answer_is_none() -> None:
    text = {"type": "text", "text": "API Error: 400"}
    assert one(type="assistant", message={"model": "<synthetic>", "content": [text]}) == []


def test_a_later_message_of_the_same_id_that_did_not_stream_is_told() -> None:
    again = {"type": "stream_event", "event": RUN[2]["event"]}
    last = RUN[10]
    data = [json.dumps(each).encode() + b"\n" for each in (*RUN[:11], again, last)]
    assert events(*data)[-1] == Text("\n\nLet me look.")


def test_thinking_that_came_whole_is_told_and_what_is_veiled_is_not() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm"}, {"type": "thinking", "thinking": ""},
              {"type": "redacted_thinking", "data": "x"},
              {"type": "thinking", "thinking": ["no text"]}]  # fmt: skip
    told = one(type="assistant", message={"id": "m1", "content": blocks[:1]})
    assert told == [Thinking("Hm")]
    assert one(type="assistant", message={"id": "m1", "content": blocks[1:]}) == []
    of_another = one(type="assistant", parent_tool_use_id="t9", message={"content": blocks})
    assert of_another == []
