"""What a diff cannot show is refused; what only looks odd, and shows, is not."""

from __future__ import annotations

import pytest

from p42.scripts.hidden import hidden

ZWJ = "\u200d"


@pytest.mark.parametrize("text", [
    f"echo '\U0001f468{ZWJ}\U0001f469{ZWJ}\U0001f467'", f"echo \u2764\ufe0f{ZWJ}\U0001f525",
    f"echo \U0001f9d1\U0001f3fd{ZWJ}\U0001f4bb", f"echo \U0001f3f3\ufe0f{ZWJ}\U0001f308",
])  # fmt: skip
def test_a_joiner_between_two_emoji_makes_one_of_them_and_hides_nothing(text: str) -> None:
    assert hidden(text) == ""


@pytest.mark.parametrize("text", [
    f"r{ZWJ}m x", f"echo \U0001f468{ZWJ}", f"{ZWJ}\U0001f468", f"a{ZWJ}\U0001f468",
    f"\U0001f468{ZWJ}{ZWJ}\U0001f469", f"\U0001f468{ZWJ}a", f"a\ufe0f{ZWJ}\U0001f468",
])  # fmt: skip
def test_anywhere_else_it_hides(text: str) -> None:
    assert "U+200D" in hidden(text)


@pytest.mark.parametrize("word", [
    "\u0440m", "ech\u043e", "pay\u0440al", "\u0430wk", "s\u0455h", "\u039fpen", "c\u03bfpy",
    "install_\u0441url", "\u0412ash",
])  # fmt: skip
def test_a_word_of_two_alphabets_that_look_alike_is_told(word: str) -> None:
    """One of them would be another program, or another name, than the one that is read."""
    assert "line 2" in (told := hidden(f"true\n{word} x"))
    assert "U+0" in told


@pytest.mark.parametrize("text", [
    "echo \u043f\u0440\u0438\u0432\u0435\u0442", "echo hello \u043c\u0438\u0440", "10 \u03bcs",
    "\u0394x", "echo \u0420\u0424-x", "na\u00efve", "\u65e5\u672cx", "echo \u041e",
    "printf 'a\\n\u0410\\n'", "printf '%s\u0440\n'", "awk '{print \"\\\\t\u0412\"}'",
])  # fmt: skip
def test_words_of_one_alphabet_stand_beside_each_other(text: str) -> None:
    assert hidden(text) == ""
