"""Hidden: what in a model's text a reader would not see, or would see elsewhere than it stands.

A person approves what a diff shows. So a script may hold nothing that a diff cannot show:
characters without a shape, ones that turn the order of a line around (CVE-2021-42574), terminal
escapes, letters of another alphabet within a word that looks Latin (Unicode TR39), and code pushed
out of sight by blanks.
"""

from __future__ import annotations

import re
import unicodedata

_EMOJI = r"[\u2190-\u2bff\U0001f000-\U0001faff]"
# Written as escapes, or this file would hold what it looks for. Allowed are tab, newline, a
# carriage return before one, and U+FE0F, which only makes an emoji of the character before it.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls; ESC begins what a terminal obeys
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\ud800-\udfff\ue000-\uf8ff"  # half characters, and ones without an agreed shape
    r"\U000e0000-\U0010ffff]"  # tags, further selectors, private planes
    r"|\r(?!\n)"
    # The joiner only between two emoji, of which it makes one.
    rf"|(?<!{_EMOJI})(?<!{_EMOJI}\ufe0f)\u200d|\u200d(?!{_EMOJI})"
)
# Cyrillic and Greek that most fonts draw as Latin letters.
_ALIKE = re.compile(
    r"[\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u04bb\u0501\u051b\u051d"
    r"\u0405\u0406\u0408\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u051a\u051c"
    r"\u03bf\u03bd\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7]"
)
# A word; what a backslash or a percent sign makes of a letter before it is none of it.
_WORDS = re.compile(r"\\+[A-Za-z]?|%[-+ 0-9.]*[A-Za-z]|(\w+)")
_LATIN = re.compile(r"[A-Za-z]")
_BLANKS = re.compile(r"[ \t]+")
WIDE = 160  # blanks in a row, within a line: more than anybody indents, and off most screens
DEEP = 100  # empty lines in a row


def hidden(text: str) -> str:
    """What is hidden first in `text`, with its line, for a sentence; "" = nothing. Linear."""
    found = _UNSEEN.search(text)
    if found is not None:
        at = text.count("\n", 0, found.start()) + 1
        return f"line {at} holds {_called(found[0])}, which cannot be seen"
    if alike := _alike(text):
        return alike
    empty = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            empty += 1
        elif empty >= DEEP or _is_wide(line):
            return f"line {number} is pushed out of sight by blanks"
        else:
            empty = 0
    return ""


def _alike(text: str) -> str:
    """The first letter that looks Latin and is not, in a word with some that are; "" = none."""
    if _ALIKE.search(text) is None:
        return ""
    for word in _WORDS.finditer(text):
        found = _ALIKE.search(word[1] or "")
        if found is not None and _LATIN.search(word[1]):
            at = text.count("\n", 0, word.start()) + 1
            return f"line {at} holds {_called(found[0])} within a word of Latin letters"
    return ""


def _is_wide(line: str) -> bool:
    runs = _BLANKS.finditer(line)
    return any(len(run[0]) >= WIDE and run.end() < len(line) for run in runs)


def _called(char: str) -> str:
    name = unicodedata.name(char, "a control character" if ord(char) < 0xA0 else "no letter")
    return f"U+{ord(char):04X} ({name.lower()})"
