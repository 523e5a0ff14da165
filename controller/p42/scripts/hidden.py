"""Hidden: what in a model's text a reader would not see, or would see elsewhere than it stands.

A person approves what a diff shows. So a script may hold nothing that a diff cannot show:
characters without a shape, ones that turn the order of a line around (CVE-2021-42574), terminal
escapes, and code pushed out of sight by blanks.
"""

from __future__ import annotations

import re
import unicodedata

# Written as escapes, or this file would hold what it looks for. Allowed are tab, newline, a
# carriage return before one, and U+FE0F, which only makes an emoji of the character before it.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls; ESC begins what a terminal obeys
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\ud800-\udfff\ue000-\uf8ff"  # half characters, and ones without an agreed shape
    r"\U000e0000-\U0010ffff]"  # tags, further selectors, private planes
    r"|\r(?!\n)"
)
_BLANKS = re.compile(r"[ \t]+")
WIDE = 160  # blanks in a row, within a line: more than anybody indents, and off most screens
DEEP = 100  # empty lines in a row


def hidden(text: str) -> str:
    """What is hidden first in `text`, with its line, for a sentence; "" = nothing. Linear."""
    found = _UNSEEN.search(text)
    if found is not None:
        at = text.count("\n", 0, found.start()) + 1
        return f"line {at} holds {_called(found[0])}"
    empty = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            empty += 1
        elif empty >= DEEP or _is_wide(line):
            return f"line {number} is pushed out of sight by blanks"
        else:
            empty = 0
    return ""


def _is_wide(line: str) -> bool:
    runs = _BLANKS.finditer(line)
    return any(len(run[0]) >= WIDE and run.end() < len(line) for run in runs)


def _called(char: str) -> str:
    name = unicodedata.name(char, "a control character" if ord(char) < 0xA0 else "no letter")
    return f"U+{ord(char):04X} ({name.lower()}), which cannot be seen"
