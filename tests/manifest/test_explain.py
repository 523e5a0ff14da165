"""Explain: fields in words, from the schemas."""

from __future__ import annotations

import pytest

from p42.manifest.explain import explain
from p42.manifest.kindbook import KindBook
from p42.model.errors import InvalidInput


@pytest.mark.parametrize("field", ["Command.spec.tests", "command.tests", "cmd.spec.tests[]"])
def test_a_field_is_explained_by_long_or_short_path(field: str, book: KindBook) -> None:
    text = explain(field, book=book)
    assert text.startswith("Command.spec.tests  <list of mapping>\n")
    assert "  args  <list of text>\n" in text
    assert "exitCode" not in text


def test_recursive_goes_all_the_way_down(book: KindBook) -> None:
    assert "    exitCode  <whole number>" in explain("cmd.tests", recursive=True, book=book)


def test_a_leaf_tells_its_bounds(book: KindBook) -> None:
    text = explain("Agent.spec.temperature", book=book)
    assert "<number>" in text
    assert "at least: 0" in text
    assert "at most: 2" in text
    assert "names: Account" in explain("Agent.accountRef", book=book)
    assert "default: 5m" in explain("acct.refresh.before", book=book)


def test_nothing_lists_the_kinds(book: KindBook) -> None:
    lines = explain("", book=book).splitlines()
    assert [line.split()[0] for line in lines] == list(book.names)


def test_every_field_of_every_kind_has_words(book: KindBook) -> None:
    for name in book.names:
        text = explain(name, recursive=True, book=book)
        assert len(text.splitlines()) > 10
        assert "<any>" not in text.replace("mapping of <any>", ""), text


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("Comand", "'Comand' is no kind (did you mean Command?)"),
        ("Command.spec.test", "Command.spec has no field 'test' (did you mean tests?)"),
        ("Command.test", "Command.spec has no field 'test' (did you mean tests?)"),
        ("Command.tests.arg", "Command.spec.tests has no field 'arg' (did you mean args?)"),
        ("Agent.metadata.nam", "Agent.metadata has no field 'nam' (did you mean name?)"),
    ],
)
def test_what_there_is_not_gets_a_suggestion(field: str, message: str, book: KindBook) -> None:
    with pytest.raises(InvalidInput) as caught:
        explain(field, book=book)
    assert str(caught.value) == message
