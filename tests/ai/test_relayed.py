"""A request that is passed on: what it can cost at most, told without asking."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from p42.ai.accounts.relayed import AROUND, WHOLE, bound
from p42.model.completion import Usage
from p42.model.money import Price


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


def test_what_is_kept_for_an_hour_is_bounded_by_its_price() -> None:
    """Twice the price of what is sent, where the worst case counts on a quarter more."""
    price = Price(1_000_000, 0, 100_000, 1_250_000, 2_000_000)
    marks = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    asked = body({"type": "text", "text": "x" * 9_000, **marks})
    most = len(asked) + AROUND
    used = Usage(input=most, stored=most, hour=most)
    assert price.cost(used) <= price.worst(bound(asked), 0)
    said = body({"type": "text", "text": '"ttl":"1h"'})
    assert bound(said) == len(said) + AROUND


def test_a_tool_that_takes_a_url_is_no_pointer() -> None:
    tool = {"name": "fetch", "input_schema": {"type": "object", "properties": {"url": {}}}}
    assert bound(body("x", tools=[tool])) < WHOLE
