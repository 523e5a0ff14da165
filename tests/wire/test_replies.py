"""Reply lines: the bytes that the original's clients compare."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from p42.wire.port42 import (
    Framer,
    Request,
    Violation,
    complaint,
    encode,
    failure,
    part,
    success,
)


def test_a_success_has_no_error_key_and_data_only_if_there_is_some() -> None:
    assert success("ping") == b'{"id":"ping","success":true}\n'
    assert success("t2", {"commands": []}) == b'{"id":"t2","success":true,"data":{"commands":[]}}\n'


def test_a_failure_keeps_the_order_of_keys() -> None:
    line = failure("t4", "Unknown request type: nope", {"code": 1})
    assert line == b'{"id":"t4","success":false,"error":"Unknown request type: nope","code":1}\n'


def test_text_is_escaped_as_go_does_and_emoji_are_not() -> None:
    assert encode({"a": "<b>&\u2028🐬"}) == '{"a":"\\u003cb\\u003e\\u0026\\u2028🐬"}\n'.encode()


def test_the_complaint_is_the_originals_and_http_hears_nothing() -> None:
    said = b'{"id":"error","success":false,"error":"Invalid JSON request"}\n'
    assert complaint(Violation.UNPARSABLE) == said
    assert complaint(Violation.FOREIGN) == b""


def test_a_file_name_that_is_no_unicode_still_makes_a_line() -> None:
    assert json.loads(success("x", {"file": "a\udcff"}))["data"]["file"] == "a\udcff"


def test_a_stream_line_names_its_request() -> None:
    assert part("7", {"kind": "Agent"}) == b'{"id":"7","stream":{"kind":"Agent"}}\n'


@settings(max_examples=100, deadline=None)
@given(st.text(), st.text(), st.dictionaries(st.text(), st.integers(0, 9)), st.booleans())
def test_a_request_is_heard_as_it_was_said(
    kind: str, name: str, payload: dict[str, int], stream: bool
) -> None:
    body = {"type": kind, "id": name, "payload": payload, "stream": stream}
    request = Request(kind, name, payload, given=True, stream=stream)
    assert Framer().feed(encode(body)) == [request]
