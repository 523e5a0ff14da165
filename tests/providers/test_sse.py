"""Server-sent events are the same however their bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.providers.sse import MOST, Event, Events, TooLong

STREAMS = st.lists(
    st.sampled_from(
        [b"data: a", b"data:b", b"event: x", b"\n", b"\r\n", b"\r", b": note", b"id: 1",
         b"data", "data: ü".encode(), b"\n\n", b"data:  two"]
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


@settings(max_examples=150)
@given(stream=STREAMS, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_any_chunking_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, *(min(cut, len(stream)) for cut in cuts), len(stream)})
    parts = [stream[a:b] for a, b in pairwise(places)]
    whole, cut = Events(), Events()
    assert whole.feed(stream) == [event for part in parts for event in cut.feed(part)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_three_line_ends_are_ends(end: bytes) -> None:
    lines = [b": note", b"event: delta", b"data: one", b"data:two", b"", b"data: three", b"", b""]
    expected = [Event("delta", "one\ntwo"), Event("", "three")]
    assert Events().feed(end.join(lines)) == expected


def test_an_event_that_does_not_end_is_not_kept_for_ever() -> None:
    events = Events()
    for _ in range(MOST // 1000):
        assert events.feed(b"x" * 1000) == []
    with pytest.raises(TooLong):
        events.feed(b"x" * 1000)
