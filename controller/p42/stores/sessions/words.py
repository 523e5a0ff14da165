"""SessionWords: text as the index of sessions.db takes it, and questions as it is asked them.

FTS5 finds words, and where a script writes none (Chinese, Japanese, Thai), or a sign stands for one
(an emoji), there is nothing to find but the whole. So each character of those is made a word of its
own, between separators that nobody writes, and a question for several is a question for them side
by side. A trigram index would find parts of every word, but not one or two characters, and it takes
a third of a second where a million messages hold most of a word (measured; a word: 1 ms).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

SEPARATOR = "\x1f"
# Lo without words: Thai to Myanmar, Khmer, CJK with kana and hangul, Yi, half-width forms, Tangut
# to kana's supplements, and the planes of rare ideographs.
_WORDLESS = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007),
    (0x3031, 0x4DBF), (0x4E00, 0xA4CF), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0xFF66, 0xFFDC),
    (0x17000, 0x18CFF), (0x1AFF0, 0x1B2FF), (0x20000, 0x3FFFF),
)  # fmt: skip
_LETTERS = frozenset({"Lo", "Lm", "Mn", "Mc", "Nl"})
_SIGNS = frozenset({"So", "Cn"})  # Cn: the emoji of next year
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
# Frames and bars are drawn with hundreds of one sign, which nobody looks for: a run is one word.
_DRAWN = re.compile(r"[\u2500-\u259f\u2800-\u28ff]+")
_BESIDE = re.compile(rf"[^\w{SEPARATOR}]")


@cache  # of a million characters at most, of a few thousand in fact
def is_sign(char: str) -> bool:
    """Whether it counts as a word of its own."""
    category, number = unicodedata.category(char), ord(char)
    if category in _SIGNS:
        return True
    return category in _LETTERS and any(low <= number <= high for low, high in _WORDLESS)


def spaced(text: str) -> str:
    """`text` with separators around its signs; "" where it has none, and is taken as it is."""
    if text.isascii():
        return ""
    apart = _FOREIGN.sub(lambda run: _apart(run[0]), text)
    return apart if len(apart) > len(text) else ""


def phrases(words: str) -> list[str]:
    """All that a turn must hold to be found by `words`: each a word, or signs side by side."""
    text = spaced(words) or words
    plain = _BESIDE.sub(lambda beside: beside[0] if is_sign(beside[0]) else " ", text)
    runs = (" ".join(part for part in run.split(SEPARATOR) if part) for run in plain.split(" "))
    return [run for run in runs if run]


def joined(excerpt: str) -> str:
    """An excerpt of spaced text as it was written."""
    return excerpt.replace(SEPARATOR, "")


def _apart(run: str) -> str:
    drawn = _DRAWN.sub(lambda found: f"{SEPARATOR}{found[0]}{SEPARATOR}", run)
    return "".join(
        f"{SEPARATOR}{char}{SEPARATOR}" if is_sign(char) and not _DRAWN.match(char) else char
        for char in drawn
    )
