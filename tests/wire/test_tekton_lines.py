"""Lines of project sockets: what is one, whatever the packets look like, and when it is read."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from p42.wire.tekton import MAX_LINE, Bad, Lines, Said

PING = b'{"type":"ping"}\n'
pieces = st.sampled_from([
    PING, b'{"type":"chat","content":"hi"}\r\n', b"\n", b" \r\n\n", b"nonsense\n", b"[1]\n", b'{"a',
    b"GET / HTTP/1.1\r\n", b"\x16\x03",
]) | st.binary(max_size=6)  # fmt: skip


def fed(data: bytes, cuts: list[int], *, cheaply: bool = False) -> list[Said | Bad]:
    lines, found = Lines(), list[Said | Bad]()
    marks = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(marks):
        if cheaply and lines.longer(data[start:end]):
            continue
        lines.push(data[start:end])
        found += list(iter(lines.pull, None))
    return found


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces, max_size=6).map(b"".join), st.lists(st.integers(0, 1000), max_size=8))
def test_any_chunking_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    # A first line that opens with a method is foreign as soon as its blank is there.
    assert fed(data, cuts) == fed(data, []) == fed(data, list(range(len(data))))
    assert fed(data, cuts, cheaply=True) == fed(data, [])
    assert fed(data, list(range(len(data))), cheaply=True) == fed(data, [])


def test_only_what_makes_a_line_longer_is_taken_cheaply() -> None:
    lines = Lines()
    assert not lines.longer(b'{"type":"pi')
    lines.push(b'{"type":"pi')
    assert not lines.longer(b"n"), "it has not been looked at"
    assert lines.pull() is None
    assert lines.longer(b"n")
    assert not lines.longer(b'g"}\n')
    assert not lines.longer(b"x" * MAX_LINE)
    lines.push(b'g"}\n')
    assert lines.pull() == Said("ping", "", {"type": "ping"})
    assert not lines.longer(b"x")


def test_a_line_is_read_when_it_is_asked_for_and_empty_ones_are_nothing() -> None:
    lines = Lines()
    lines.push(b"\n" * 5000 + PING * 2 + b"\r\n \n" + b'{"type":')
    assert lines.pull() == Said("ping", "", {"type": "ping"})
    assert lines.unread
    assert lines.held < 50
    assert lines.pull() == Said("ping", "", {"type": "ping"})
    assert lines.pull() is None
    assert (lines.unread, lines.partial, lines.held) == (False, True, 8)


def test_nothing_is_read_behind_a_line_that_ends_and_nothing_is_kept_of_it() -> None:
    lines = Lines()
    lines.push(b"nonsense\n" + PING)
    assert lines.pull() == Bad("after")
    lines.push(PING)
    assert (lines.pull(), lines.unread, lines.held) == (None, False, 0)


def test_a_later_bad_line_is_told_and_the_next_is_heard() -> None:
    assert fed(PING + b"nonsense\n" + PING, []) == [
        Said("ping", "", {"type": "ping"}), Bad(""), Said("ping", "", {"type": "ping"}),
    ]  # fmt: skip


def test_a_line_without_end_is_refused() -> None:
    lines = Lines()
    lines.push(PING + b"x" * (MAX_LINE + 1))
    assert isinstance(lines.pull(), Said)
    assert lines.pull() == Bad("after", f"A line is longer than {MAX_LINE} bytes")


def test_a_line_that_is_too_long_is_so_whether_or_not_its_end_is_there() -> None:
    lines = Lines()
    lines.push(b'{"a":"' + b"x" * MAX_LINE + b'"}\n')
    assert lines.pull() == Bad("after", f"A line is longer than {MAX_LINE} bytes")
