"""The framer: what is a request, whatever the packets look like."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.wire.port42 import MAX_DEPTH, MAX_FRAME, STEPS, Framer, Message, Request, Violation

STATUS = b'{"type":"status","id":"t1"}'


def feed_in_pieces(data: bytes, cuts: list[int], *, cheaply: bool = False) -> list[Message]:
    framer, messages = Framer(), list[Message]()
    marks = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(marks):
        if not (cheaply and framer.longer(data[start:end])):
            messages += framer.feed(data[start:end])
    last = framer.end()
    return messages + ([last] if last else [])


def one(data: bytes) -> Message:
    (message,) = Framer().feed(data)
    return message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
requests = st.builds(
    lambda kind, name, payload, indent, tail: (
        json.dumps({"type": kind, "id": name, "payload": payload}, indent=indent).encode() + tail
    ),
    st.text(max_size=6), st.text(max_size=6), json_values,
    st.sampled_from([None, 2]), st.sampled_from([b"", b"\n", b"\r\n\r\n", b" "]),
)  # fmt: skip
noise = st.binary(max_size=12) | st.sampled_from([b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b'{"a'])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(requests | noise, max_size=5).map(b"".join),
    st.lists(st.integers(0, 10_000), max_size=12),
)
def test_any_chunking_gives_the_same_messages(data: bytes, cuts: list[int]) -> None:
    assert feed_in_pieces(data, cuts) == feed_in_pieces(data, [])
    assert feed_in_pieces(data, list(range(len(data)))) == feed_in_pieces(data, [])
    assert feed_in_pieces(data, cuts, cheaply=True) == feed_in_pieces(data, [])
    assert feed_in_pieces(data, list(range(len(data))), cheaply=True) == feed_in_pieces(data, [])


def test_only_what_makes_a_string_longer_is_taken_cheaply() -> None:
    framer = Framer()
    assert not framer.longer(b'{"type":"pi')
    framer.feed(b'{"type":"pi')
    assert framer.longer(b"n")
    assert not framer.longer(b'g"')
    assert not framer.longer(b"\\")
    assert not framer.longer(b"x" * MAX_FRAME)
    assert framer.feed(b'g"}') == [Request("ping", "")]
    assert not framer.longer(b"x")


@settings(max_examples=100, deadline=None)
@given(st.lists(requests, max_size=5))
def test_every_request_comes_out_once_and_in_order(sent: list[bytes]) -> None:
    got = feed_in_pieces(b"".join(sent), [])
    assert [(r.type, r.id, r.payload) for r in got if isinstance(r, Request)] == [
        (body["type"], body["id"], body["payload"]) for body in map(json.loads, sent)
    ]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64))
def test_nonsense_is_a_violation_or_unfinished_and_never_an_error(data: bytes) -> None:
    feed_in_pieces(data, [3, 7])


def test_an_object_ends_where_its_json_ends() -> None:
    assert one(STATUS) == Request("status", "t1")


def test_a_blank_line_is_nothing_at_all() -> None:
    framer = Framer()
    assert framer.feed(b"\n\r\n  \t") == []
    assert not framer.partial


def test_outer_keys_match_in_any_case_and_inner_keys_do_not() -> None:
    message = one(b'{"TYPE":"possess","Id":"a","PayLoad":{"Agent":"@ai-muse"}}')
    assert message == Request("possess", "a", {"Agent": "@ai-muse"}, given=True)


def test_a_missing_id_is_the_empty_one_and_a_number_is_none() -> None:
    assert one(b'{"type":"ping"}') == Request("ping", "")
    assert one(b'{"type":"ping","id":null}') == Request("ping", "")
    assert one(b'{"type":"ping","id":7}') is Violation.UNPARSABLE


def test_a_null_payload_differs_from_a_missing_one() -> None:
    assert one(b'{"type":"possess","id":"a","payload":null}') == Request("possess", "a", given=True)


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.1\r\n", b"POST /x ", b"PRI * HTTP/2.0\r\n", b"M-SEARCH *", b"\x16\x03"]
)
def test_http_and_tls_end_the_connection_without_an_answer(line: bytes) -> None:
    assert one(line + STATUS) is Violation.FOREIGN


@pytest.mark.parametrize(
    "line",
    [b"not json", b"GET{", b"[1]", b'"x"', b"null", b"42", b"}", b'{"a" b}', b"{]", b"{'a':1}",
     b'{"a":"\n"}', b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b"\x00"],
)  # fmt: skip
def test_what_is_no_json_object_ends_the_connection_with_the_error_line(line: bytes) -> None:
    assert Framer().feed(line + b"\n") == [Violation.UNPARSABLE]


def test_nothing_behind_a_violation_is_read() -> None:
    framer = Framer()
    assert framer.feed(b"nonsense\r\n\r\n" + STATUS) == [Violation.UNPARSABLE]
    assert framer.feed(STATUS) == []
    assert framer.end() is None


def test_http_after_a_request_is_plain_nonsense() -> None:
    assert Framer().feed(STATUS + b"GET / HTTP/1.1") == [
        Request("status", "t1"), Violation.UNPARSABLE,
    ]  # fmt: skip


def test_half_a_request_at_the_end_of_input_is_a_violation() -> None:
    framer = Framer()
    assert framer.feed(STATUS[:-1]) == []
    assert framer.partial
    assert framer.end() is Violation.UNPARSABLE


def test_a_frame_of_one_mebibyte_passes_and_one_byte_more_does_not() -> None:
    frame = b'{"type":"' + b"x" * (MAX_FRAME - 11) + b'"}'
    assert len(frame) == MAX_FRAME
    assert isinstance(one(frame), Request)
    assert one(frame[:-2] + b'x"}') is Violation.OVERSIZE
    assert one(b'{"' + b"\\\\" * MAX_FRAME) is Violation.OVERSIZE


def test_depth_is_bounded() -> None:
    deep = b'{"payload":' + b"[" * MAX_DEPTH
    assert one(deep) is Violation.UNPARSABLE


def test_a_large_frame_byte_by_byte_is_scanned_once() -> None:
    frame = b'{"type":"' + b"x" * (MAX_FRAME // 4) + b'"}'
    start, framer, messages = time.process_time(), Framer(), []
    for at in range(len(frame)):
        messages += framer.feed(frame[at : at + 1])
    assert isinstance(messages[0], Request)
    # Quadratic scanning would take minutes; the bound only tells those two apart.
    assert time.process_time() - start < 20


def test_a_request_is_taken_apart_when_it_is_asked_for() -> None:
    framer = Framer()
    framer.push(STATUS + b"\n" + STATUS + b'{"type":"pi')
    assert framer.pull() == Request("status", "t1")
    assert framer.unread
    assert framer.held == len(STATUS) + 11
    assert framer.pull() == Request("status", "t1")
    assert framer.pull() is None
    assert framer.partial
    assert not framer.unread
    framer.push(b'ng"} \r\n')
    assert framer.pull() == Request("ping", "")
    assert (framer.unread, framer.partial, framer.held) == (False, False, 0)


@pytest.mark.parametrize("inside", [b"[],", b'"",', b'"\\\\\\\\",'])
def test_of_a_request_of_many_brackets_so_much_is_looked_at_in_one_go(inside: bytes) -> None:
    frame = b'{"type":"ping","payload":[' + inside * (3 * STEPS) + b"0]}"
    framer, looks = Framer(), 0
    framer.push(frame + STATUS)
    while (message := framer.pull()) is None:
        assert framer.unread, "there is more to look at, though nothing comes"
        looks += 1
    assert looks >= 6
    assert isinstance(message, Request)
    assert framer.pull() == Request("status", "t1")
    assert not framer.unread


def test_a_request_that_ends_within_the_limit_is_not_too_large_for_what_came_behind_it() -> None:
    inside = b"[]," * (MAX_FRAME // 3 - 20)
    frame = b'{"type":"ping","payload":[' + inside + b"0]}"
    first, second = Framer().feed(frame + STATUS * 10)[:2]
    assert isinstance(first, Request)
    assert second == Request("status", "t1")
