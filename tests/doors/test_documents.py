"""Cutting a YAML stream into files of their own loses nothing and keeps comments."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.api.documents import cut, file_name, without
from p42.model.refs import Ref

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)
values = st.dictionaries(st.sampled_from("abc"), texts | st.integers(), min_size=1, max_size=3)
streams = st.lists(values, min_size=1, max_size=4)


@settings(max_examples=150)
@given(streams)
def test_each_piece_is_one_document_with_the_value_it_had(bodies: list[dict[str, object]]) -> None:
    text = yaml.safe_dump_all(bodies, allow_unicode=True)
    assert [yaml.safe_load(piece) for piece in cut(text)] == list(yaml.safe_load_all(text))


@settings(max_examples=150)
@given(streams, st.data())
def test_taking_one_out_leaves_the_others(
    bodies: list[dict[str, object]], data: st.DataObject
) -> None:
    text = yaml.safe_dump_all(bodies, allow_unicode=True, explicit_start=data.draw(st.booleans()))
    index = data.draw(st.integers(0, len(bodies) - 1))
    rest = [each for each in yaml.safe_load_all(without(text, index)) if each is not None]
    assert rest == bodies[:index] + bodies[index + 1 :]


def test_comments_stay_with_their_document_and_empty_ones_are_none() -> None:
    text = "%YAML 1.2\n---\n# about a\na: 1 # one\n---\n# nothing\n---\nb: |\n  text\n ---\n...\n"
    assert cut(text) == ["# about a\na: 1 # one\n", "b: |\n  text\n ---\n...\n"]


def test_a_line_of_dashes_that_goes_on_is_no_mark() -> None:
    assert cut("a: 1\n---b: 2\n") == ["a: 1\n---b: 2\n"]


def test_a_document_is_kept_under_kind_and_name() -> None:
    assert file_name(Ref("ProjectCI", "numa")) == "projectci-numa.yaml"
