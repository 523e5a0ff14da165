"""The lines protocol: a message is one line, an answer is lines until silence or a mark."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.wire.lines import MAX_LINE, AnswerLines, line_of


@given(st.text())
def test_a_message_is_one_line(text: str) -> None:
    line = line_of(text)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert b"\0" not in line
    assert b"\r" not in line


@given(st.lists(st.text(st.characters(exclude_characters="\n\r\x04", codec="utf-8"))), st.data())
def test_however_it_is_cut_it_tells_the_same(lines: list[str], data: st.DataObject) -> None:
    whole = "".join(f"{line}\n" for line in lines).encode()
    cut = data.draw(st.integers(0, len(whole)))
    answer = AnswerLines()
    told = [answer.feed(part) for part in (whole[:cut], whole[cut:])]
    assert "".join(text for text, _ in told).encode() == whole
    assert not any(over for _, over in told)
    assert answer.rest() == ""


def test_a_mark_ends_an_answer_and_what_follows_belongs_to_none() -> None:
    answer = AnswerLines()
    assert answer.feed(b"one\r\ntwo\n\x04\nthree\nfo") == ("one\ntwo\n", True)
    assert answer.marks
    assert answer.feed(b"next\n") == ("next\n", False)


def test_a_line_without_end_is_refused() -> None:
    answer = AnswerLines()
    with pytest.raises(ValueError, match="a line of more than"):
        answer.feed(b"x" * (MAX_LINE + 1))
