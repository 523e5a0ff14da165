"""A request that is passed on: what it can cost at most, told without asking."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from p42.ai.relayed import WHOLE, bound


def body(*content: object, **further: object) -> bytes:
    return orjson.dumps({"messages": [{"role": "user", "content": list(content)}], **further})


@given(st.text(max_size=400))
def test_a_text_is_bounded_by_its_bytes_whatever_it_says(text: str) -> None:
    data = body({"type": "text", "text": text})
    assert len(data) <= bound(data) < WHOLE


def test_what_is_only_pointed_at_counts_as_a_whole_context() -> None:
    for source in (
        {"type": "url", "url": "https://example.org/a.png"}, {"type": "file", "file_id": "f"},
        {"type": "base64", "media_type": "application/pdf", "data": "x"},
    ):  # fmt: skip
        assert bound(body({"type": "document", "source": source})) > WHOLE
    fetches = {"type": "web_search_20260101", "name": "web_search"}
    assert bound(body("x", tools=[fetches])) > WHOLE


def test_a_tool_that_takes_a_url_is_no_pointer() -> None:
    tool = {"name": "fetch", "input_schema": {"type": "object", "properties": {"url": {}}}}
    assert bound(body("x", tools=[tool])) < WHOLE
