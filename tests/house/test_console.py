"""What the pages of our docs show is understood as their readers understand it."""

from __future__ import annotations

import pytest

from tests.e2e.console import Ask, Block, asks


def test_a_command_is_followed_by_its_output() -> None:
    block = Block("console", "$ hello\nHello.\n$ true\n$ false   # exit 1\n", 7)
    assert asks(block) == [
        Ask("hello", "Hello.\n", 7),
        Ask("true", "", 9),
        Ask("false", "", 10, exit_code=1),
    ]


def test_a_command_goes_on_after_an_angle_bracket() -> None:
    (ask,) = asks(Block("console", "$ cat <<END\n> a\n> END\na\n", 1))
    assert (ask.command, ask.expected) == ("cat <<END\na\nEND", "a\n")


def test_output_before_any_command_is_an_error_of_the_page() -> None:
    with pytest.raises(ValueError, match="line 3"):
        asks(Block("console", "Hello.\n", 3))


@pytest.mark.parametrize(
    ("expected", "output", "fits"),
    [
        ("", "", True),
        ("", "anything\n", False),
        ("...\n", "", True),
        ("...\nlast\n", "a\nb\nlast\n", True),
        ("...\nlast\n", "a\nlast\nmore\n", False),
        ("NAME AGE\nx ... ok\n", "NAME   AGE  \nx   12s   ok\n", True),
        ("a.b\n", "axb\n", False),
        ("hello\n", "hello", True),
    ],
)
def test_dots_stand_for_anything_and_blanks_for_any_blanks(
    expected: str, output: str, fits: bool
) -> None:
    assert Ask("x", expected, 1).fits(output) is fits
