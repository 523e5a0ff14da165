"""The lock says what a prompt was forged into, keeps what it was before, and is read strictly."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.scripts.lock import (
    KEPT,
    LARGEST,
    Lock,
    Version,
    digest_of,
    left_out,
    parse,
    pinned,
    render,
    rolled_back,
)
from p42.scripts.reply import Unfit

ONE = Version(digest_of("sing"), "echo la\n", "bash", "muse", "m-1", ("jq",), (), "a" * 64)
TWO = replace(ONE, prompt_digest=digest_of("hum"), source="print(1)\n", language="python")

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf", "Co", "Cn"))
    | st.sampled_from("\n\n  \t#:-|'\"{}[]%&*!"),
    min_size=1,
).filter(lambda text: bool(text.strip()))
WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@st.composite
def versions(draw: st.DrawFn) -> Version:
    tests = draw(st.sampled_from([(), ({"args": ["x"], "expect": {"exitCode": 1}},)]))
    return Version(
        draw(st.sampled_from(["1" * 64, digest_of("x")])), draw(TEXTS), "node", draw(WORDS),
        draw(WORDS), draw(st.sampled_from([(), ("jq", "7z")])), tests,
        draw(st.sampled_from(["", "0" * 64])), draw(st.sampled_from([None, (), tests])),
    )  # fmt: skip


@settings(max_examples=200)
@given(st.builds(
    Lock, versions(), st.lists(versions(), max_size=3).map(tuple),
    st.sampled_from(["", "2" * 64]), st.sampled_from(["", "12345678", "1e5"]),
    st.sampled_from(["", "3" * 64]),
))  # fmt: skip
def test_what_is_written_is_read_again_by_us_and_by_any_yaml(lock: Lock) -> None:
    data = render("hello", lock)
    assert parse(data) == lock
    told = yaml.safe_load(data)
    assert lock.current is not None
    assert told["source"] == lock.current.source
    assert [each["source"] for each in told.get("versions", [])] == [
        each.source for each in lock.earlier
    ]


def test_the_fields_are_those_of_the_contract_in_its_order() -> None:
    told = yaml.safe_load(render("hello", Lock(ONE)))
    assert list(told) == ["promptDigest", "agent", "model", "language", "source", "dependencies",
                          "tests", "approved"]  # fmt: skip
    assert told["promptDigest"] == digest_of("sing")


def test_no_time_and_no_path_is_in_it() -> None:
    assert render("hello", Lock(ONE)) == render("hello", Lock(ONE))
    assert b"/tmp" not in render("hello", Lock(ONE))


def test_it_fits_its_own_prompt_alone() -> None:
    lock = Lock(ONE)
    assert lock.fits("sing", None)
    assert lock.fits("sing", "bash")
    assert not lock.fits("sing", "python")
    assert not lock.fits("hum", None)
    assert not replace(lock, again="x").fits("sing", None)


def test_a_new_version_keeps_the_ones_before_it() -> None:
    assert pinned(None, ONE) == Lock(ONE)
    lock = pinned(Lock(ONE, again="x"), TWO)
    assert lock == Lock(TWO, (ONE,))
    for number in range(2 * KEPT):
        lock = pinned(lock, replace(TWO, source=f"print({number})\n"))
    assert len(lock.earlier) == KEPT


def test_a_version_that_never_was_in_force_is_none_to_go_back_to() -> None:
    bad = replace(TWO, source="exit 1\n", approved="")
    lock = pinned(Lock(bad, (ONE,)), TWO, ran=False)
    assert lock == Lock(TWO, (ONE,))


def test_a_version_that_comes_back_is_in_the_lock_once_and_stays_approved() -> None:
    fresh = replace(ONE, approved="")
    assert pinned(Lock(TWO, (ONE,)), fresh) == Lock(ONE, (TWO,))
    assert pinned(Lock(ONE, (TWO,), again="x"), fresh) == Lock(ONE, (TWO,))


def test_what_did_not_fit_is_counted() -> None:
    large = replace(ONE, source="x" * (250 << 10) + "\n")
    lock = Lock(large, (large, large, large, TWO))
    assert left_out(lock, render("hello", lock)) == 2
    assert left_out(Lock(ONE, (TWO,)), render("hello", Lock(ONE, (TWO,)))) == 0


def test_a_version_is_told_by_its_prompt_and_who_forged_it() -> None:
    assert ONE.title == f"promptDigest {digest_of('sing')[:12]}, by m-1"
    assert replace(ONE, model="").title == f"promptDigest {digest_of('sing')[:12]}"


def test_rolled_back_it_stands_until_the_prompt_changes() -> None:
    back = rolled_back(Lock(TWO, (ONE,)), "hum", None)
    assert back.current == ONE
    assert back.fits("hum", None)
    assert back.fits("sing", None)
    assert not back.fits("shout", None)


def test_a_second_rollback_undoes_the_first() -> None:
    first = Lock(TWO, (ONE,))
    back = rolled_back(first, "hum", None)
    again = rolled_back(back, "hum", None)
    assert again == first


def test_a_prompt_that_is_not_forged_yet_is_rolled_back_to_what_is_there() -> None:
    back = rolled_back(Lock(ONE, (TWO,)), "shout", None)
    assert back.current == ONE
    assert back.fits("shout", None)
    assert rolled_back(Lock(ONE, again="x"), "sing", None).fits("sing", None)


def test_a_rollback_of_another_try_leaves_nothing_but_the_version_it_was() -> None:
    """`p42 forge`, then `p42 rollback`, left a `holdsFor` of the prompt it was forged from."""
    assert rolled_back(Lock(ONE, (TWO,), again="x"), "sing", None) == Lock(ONE, (TWO,))
    python = rolled_back(Lock(ONE, (TWO,)), "sing", "python")
    assert python.fits("sing", "python")


A, B = ({"expect": {"stdout": "a"}},), ({"expect": {"stdout": "b"}},)


def test_after_a_rollback_it_has_to_pass_what_it_passed_until_the_tests_change() -> None:
    lock = Lock(replace(TWO, declared=B), (replace(ONE, declared=A),))
    back = parse(render("hello", rolled_back(lock, "hum", None, B)))
    assert (back.tests(B), back.tests(A), back.tests(())) == (A, A, ONE.tests)
    other = ({"args": ["c"]},)
    assert back.tests(other) == other
    again = rolled_back(back, "hum", None, B)
    assert (again, again.tests(B)) == (lock, B)


def test_a_lock_that_does_not_tell_its_tests_has_those_of_the_manifest() -> None:
    lock = Lock(TWO, (ONE,))
    back = rolled_back(lock, "hum", None, B)
    assert (back.tests(B), back.holds_tests) == (B, "")
    none = rolled_back(Lock(TWO, (replace(ONE, declared=()),)), "hum", None, B)
    assert none.tests(B) == ()  # it was approved with none


@pytest.mark.parametrize("lock", [Lock(), Lock(ONE)])
def test_without_a_version_before_there_is_no_way_back(lock: Lock) -> None:
    with pytest.raises(Unfit):
        rolled_back(lock, "sing", None)


def test_a_lock_stays_small_enough_to_be_read_again() -> None:
    large = replace(ONE, source="x" * (250 << 10) + "\n")
    lock = Lock(large, (large, large, large, TWO))
    data = render("hello", lock)
    assert len(data) <= LARGEST
    assert parse(data).current == large
    assert len(parse(data).earlier) < 4


@pytest.mark.parametrize("data", [
    b"<<<<<<< HEAD\npromptDigest: a\n=======\n", b"[1, 2]", b"just text", b"a: &x 1\nb: *x\n",
    b"source: ''", b"source: [1]", b"source: x\nlanguage: ruby", b"source: x\ntests: {a: 1}",
    b"source: x\nsource: y", b"source: x\n---\nsource: y", b"\xff\xfe",
    b"source: !!python/name:os.x",
    b"source: x\nversions: 1", b"source: x\nversions: [1]", b"a: 1", b"\x00", b"source: \"\\x",
    b"{" * 100_000, b"- " * 50_000, b"source: x\ndependencies: [1]",
], ids=range(20))  # fmt: skip
def test_what_is_no_lock_is_refused(data: bytes) -> None:
    """libyaml's composer ends the process on deep nesting; events do not."""
    with pytest.raises(Unfit):
        parse(data)


@pytest.mark.parametrize("data", [b"", b"\n", b"# a comment\n"])
def test_an_empty_lock_holds_nothing(data: bytes) -> None:
    assert parse(data) == Lock()
