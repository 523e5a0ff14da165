"""What a person is shown before they agree: all of it, and nothing that hides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p42.api.approving import MOST_LINES, MOST_TEXT, difference, waiting
from p42.engine.held import Pending
from p42.model.refs import Ref
from p42.model.resource import Place


def pending(old: bytes, new: bytes) -> Pending:
    place = Place("/m/a.yaml", 0, 3)
    return Pending(Ref("Command", "a"), "machine", "0" * 64, place, old, new)


def test_a_change_is_a_unified_diff_and_a_new_thing_is_all_new() -> None:
    assert difference(pending(b"one\ntwo\n", b"one\nthree\n")).split("\n") == [
        "--- command/a as it runs", "+++ command/a as it would run", "@@ -1,2 +1,2 @@",
        " one", "-two", "+three",
    ]  # fmt: skip
    assert difference(pending(b"", b"one\n")).split("\n")[0] == "--- /dev/null"


def test_what_a_reader_would_not_see_is_spelt_out() -> None:
    hostile = "echo \u202ehi\x1b[2K\rrm -rf ~ \u200b\u2028#\ttab é\n".encode() + b"\xff\n"
    shown = difference(pending(b"", hostile)).split("\n")
    assert shown[3:] == [
        "+echo <U+202E>hi<U+001B>[2K<U+000D>rm -rf ~ <U+200B><U+2028>#\ttab é", "+\\xff",
    ]  # fmt: skip


@given(old=st.binary(max_size=200), new=st.binary(max_size=200))
def test_no_line_of_it_can_drive_a_terminal(old: bytes, new: bytes) -> None:
    text = difference(pending(old, new))
    assert all(c.isprintable() or c in "\n\t" for c in text)
    assert (text == "") == (old == new)


def test_what_is_too_long_is_cut_and_says_so() -> None:
    huge = b"".join(b"%d\n" % number for number in range(MOST_LINES + 1))
    shown = difference(pending(huge, huge + b"evil\n")).split("\n")
    assert "too many to compare" in shown[2]
    assert shown[-1] == "+evil"
    wide = difference(pending(b"", b"x" * MOST_TEXT + b"\nevil\n"))
    assert len(wide) < MOST_TEXT
    assert "more lines are not shown: read /m/a.yaml:3" in wide


def test_its_json_says_why_and_what_to_do() -> None:
    found = waiting(pending(b"", b"x"))
    assert {k: found[k] for k in ("kind", "name", "why", "file", "line", "digest")} == {
        "kind": "Command", "name": "a", "why": "machine", "file": "/m/a.yaml", "line": 3,
        "digest": "0" * 64,
    }  # fmt: skip
    assert "p42 approve command/a" in found["message"]
