"""Editing one field changes that value and nothing else, or refuses."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.manifest.fields import Refused, inline, with_field
from p42.manifest.parse import parse

ACCOUNT = """\
# work account
apiVersion: p42.dev/v1
kind: Account
metadata: {name: work}  # short
spec:
  # whose
  provider: anthropic   # who
  models:
    - a  # cheap

    - b
  # where
  key: env:WORK
status:
  observedSpec: a  # ours
"""
JSON = '{"apiVersion": "p42.dev/v1", "spec": {"provider": "x"}}\n'


def lines_that_differ(old: str, new: str) -> tuple[list[str], list[str]]:
    before, after = old.splitlines(), new.splitlines()
    return ([x for x in before if x not in after], [x for x in after if x not in before])


def test_a_scalar_is_exchanged_and_its_comment_stays() -> None:
    new = with_field(ACCOUNT, 0, ("spec", "provider"), "groq")
    assert lines_that_differ(ACCOUNT, new) == (
        ["  provider: anthropic   # who"], ["  provider: groq   # who"],
    )  # fmt: skip


def test_a_new_field_goes_behind_the_last_and_before_the_status() -> None:
    new = with_field(ACCOUNT, 0, ("spec", "default"), True)
    assert new.index("key: env:WORK") < new.index("  default: true\n") < new.index("status:")
    assert lines_that_differ(ACCOUNT, new) == ([], ["  default: true"])


def test_missing_parents_are_made() -> None:
    new = with_field(ACCOUNT, 0, ("spec", "budget", "monthlyUsd"), 5)
    assert "  budget: {monthlyUsd: 5}\n" in new
    again = with_field(new, 0, ("spec", "budget", "hard"), True)
    assert "  budget: {monthlyUsd: 5, hard: true}\n" in again


def test_a_field_taken_out_takes_its_line() -> None:
    new = with_field(ACCOUNT, 0, ("spec", "key"), None)
    assert lines_that_differ(ACCOUNT, new) == (["  key: env:WORK"], [])
    assert with_field(ACCOUNT, 0, ("spec", "tls"), None) == ACCOUNT


def test_comments_inside_a_value_are_not_lost() -> None:
    with pytest.raises(Refused, match="comments"):
        with_field(ACCOUNT, 0, ("spec", "models"), ["c"])


def test_a_block_list_becomes_a_line() -> None:
    text = ACCOUNT.replace("  # cheap", "")
    new = with_field(text, 0, ("spec", "models"), ["c", "a"])
    assert "  models: [c, a]\n  # where\n  key: env:WORK\n" in new


def test_json_stays_json() -> None:
    assert with_field(JSON, 0, ("spec", "default"), True) == JSON.replace(
        '"x"}', '"x", "default": true}'
    )
    assert with_field(JSON, 0, ("spec", "provider"), "y") == JSON.replace('"x"', '"y"')


def test_only_the_named_document_changes() -> None:
    text = f"{ACCOUNT}---\n{ACCOUNT}"
    new = with_field(text, 1, ("spec", "default"), True)
    assert new.startswith(f"{ACCOUNT}---\n")
    assert [d.build()["spec"].get("default") for d in parse(new)] == [None, True]


def test_windows_line_ends_stay() -> None:
    new = with_field(ACCOUNT.replace("\n", "\r\n"), 0, ("spec", "default"), True)
    assert new.count("\r\n") == new.count("\n")


@pytest.mark.parametrize(
    "text",
    ["a: &x {b: 1}\nspec: *x\n", "- 1\n", "spec: |\n  text\n", "spec: 3\n", ""],
)
def test_what_cannot_be_edited_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        with_field(text, 0, ("spec", "default"), True)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
    | st.sampled_from(["yes", "5m", "a: b", "x #y", "- z", "{", "null", "~", "k:", "*a", "&b"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_what_is_written_inline_reads_back(value: Any) -> None:
    (document,) = parse(f"k: {inline(value)}\n")
    assert document.build() == {"k": value}
    assert yaml.safe_load(f"k: {inline({'a': 1})}") == {"k": {"a": 1}}
