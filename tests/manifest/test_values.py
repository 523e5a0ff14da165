"""Values: YAML 1.2 core, and nothing that JSON could not say."""

from __future__ import annotations

from typing import Any

import pytest

from p42.manifest.finding import Malformed
from p42.manifest.parse import parse


def value(text: str) -> Any:
    return parse(text)[0].build()


def flaws(text: str) -> list[tuple[str, str]]:
    with pytest.raises(Malformed) as caught:
        value(text)
    return [(finding.code, finding.path) for finding in caught.value.findings]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("y", "y"), ("True", True), ("false", False),
        ("42:10", "42:10"), ("12:30:45", "12:30:45"), ("010", 10), ("0o10", 8), ("0x1F", 31),
        ("-7", -7), ("+7", 7), ("1_000", "1_000"), ("2024-01-01", "2024-01-01"), ("1e3", 1000),
        ("0.8", 0.8), (".5", 0.5), ("~", None), ("null", None), ("", None), ("'10'", "10"),
        ('"a\\tb"', "a\tb"), ("=", "="), ("0b1", "0b1"), ("1.2.3", "1.2.3"), ("|\n  x\n", "x\n"),
    ],
)  # fmt: skip
def test_plain_scalars_are_those_of_yaml_1_2_core(written: str, meant: object) -> None:
    found = value(f"a: {written}")["a"]
    assert found == meant
    assert type(found) is type(meant)


def test_a_float_without_a_fraction_is_the_integer_it_equals() -> None:
    assert type(value("a: 1.0")["a"]) is int
    assert type(value("a: 1e300")["a"]) is float


@pytest.mark.parametrize("written", [".nan", ".inf", "-.Inf", "1e999", "-1e999"])
def test_a_number_that_is_not_finite_is_an_error(written: str) -> None:
    assert flaws(f"a: {{b: {written}}}") == [("not-finite", "a.b")]


@pytest.mark.parametrize("written", ["9" * 25, "0x" + "F" * 17, "9" * 5000, "-9" + "0" * 30])
def test_an_integer_that_other_readers_cannot_hold_is_an_error(written: str) -> None:
    assert flaws(f"a: {written}") == [("too-large", "a")]


def test_each_duplicate_key_is_told_with_its_first() -> None:
    with pytest.raises(Malformed) as caught:
        value("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    first, second = caught.value.findings
    assert (first.code, first.path, first.suggestion) == (
        "duplicate-key", "b.c", "the first is in line 3")  # fmt: skip
    assert (second.path, second.suggestion) == ("a", "the first is in line 1")


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object:os.system x", "a: !!str 1", "a: !Ref x", "!!map {a: 1}", "a: !!set {b: }"],
)
def test_tags_are_refused(text: str) -> None:
    assert flaws(text)[0][0] == "tag"


def test_merge_keys_are_refused_and_a_quoted_one_is_a_key() -> None:
    assert flaws("x: &x {a: 1}\ny:\n  <<: *x\n") == [("merge-key", "y.<<")]
    assert value('"<<": 1') == {"<<": 1}


@pytest.mark.parametrize("key", ["1", "true", "~", "1.5", "[a]", "{a: 1}", "? [a]\n"])
def test_keys_are_strings(key: str) -> None:
    assert flaws(f"{key}: x" if not key.startswith("?") else "? [a]\n: x")[0][0] == "bad-key"


def test_a_nul_in_a_string_is_an_error() -> None:
    assert flaws('a: "x\\0y"') == [("bad-value", "a")]


def test_aliases_stand_for_their_anchor() -> None:
    text = "a: &x [1, 2]\nb: *x\nc: {d: *x}\n"
    assert value(text) == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}


def test_an_alias_inside_its_own_anchor_is_an_error() -> None:
    assert flaws("a: &x [1, *x]")[0][0] == "alias"


def test_an_alias_bomb_is_an_error_and_costs_nothing() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert [code for code, _ in flaws("\n".join(lines))] == ["alias"]


def test_a_long_text_aliased_often_is_a_bomb_too() -> None:
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\n"
    assert flaws(text)[0][0] == "alias"


def test_aliases_cannot_nest_deeper_than_text_may() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 3000))]
    assert flaws("\n".join(lines))[0][0] == "too-deep"
