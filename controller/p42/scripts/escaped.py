r"""Escaped: whether the line breaks of a script were escaped twice: it is one line, and holds `\n`.

Models do that in JSON, and what comes of it may run: bash takes `echo hi\nrm -rf x` for one word
more. Outside of quotes `\n` means nothing in the three languages (in bash it is an `n`), but for a
regular expression of node; within them it is the script's own: `printf 'a\n'`. So a script of one
line is read once from left to right, as far as quotes, comments and nesting go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from p42.scripts.language import Language

_BREAK = r"\n"
_QUOTES: dict[Language, str] = {"bash": "'\"", "python": "'\"", "node": "'\"`"}
_MARKS = re.compile(r"\\.|\$\(|\$\{|\$'|'''|\"\"\"|['\"`#/(){}]", re.DOTALL)
_VALUE = re.compile(r"(?:^|[^\w$])(?:return|typeof|case|in|of)\s*\Z")  # a regex may follow these
_REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\[])+/", re.DOTALL)
_CLOSES = {"(": ")", "$(": ")", "{": "}", "${": "}"}


def escaped_twice(source: str, language: Language) -> bool:
    r"""Whether `\n` stands in `source` where a line break belongs. Linear in its length."""
    text = source.strip()
    if text.startswith("#!"):
        first, _, rest = text.partition("\n")
        if _BREAK in first:
            return True
        text = rest.strip()
    return "\n" not in text and _BREAK in text and _Line(text, language).broken()


@dataclass
class _Line:
    """A script of one line, and what is open at the place it is read at, the innermost last."""

    text: str
    language: Language
    open: list[str] = field(default_factory=list)

    def broken(self) -> bool:
        """Whether it holds a break outside of quotes; or within some that never end."""
        at = 0
        while found := _MARKS.search(self.text, at):
            mark, at = found[0], found.end()
            if self._is_quoted():
                at = self._within(mark, found.start(), at)
            elif mark == _BREAK:
                return True
            elif self._is_comment(mark, found.start()):
                return _BREAK in self.text[at:]
            else:
                at = self._outside(mark, found.start(), at)
        return bool(self.open) and self.open[-1] not in _CLOSES.values()

    def _is_quoted(self) -> bool:
        return bool(self.open) and self.open[-1] not in _CLOSES.values()

    def _within(self, mark: str, start: int, end: int) -> int:
        """Read on behind a mark in quotes; answers with where."""
        quote = self.open[-1]
        if quote == "'" and self.language == "bash":
            if "'" in mark:  # nothing else is one there, a backslash neither
                self.open.pop()
                return self.text.index("'", start) + 1
            return start + 1
        if mark.startswith(quote[-1] * len(quote.lstrip("$"))):
            self.open.pop()
            return start + len(quote.lstrip("$"))
        nests = "$(" if self.language == "bash" and quote == '"' else "${" if quote == "`" else ""
        if mark == nests:
            self.open.append(_CLOSES[mark])
        return end if mark[0] == "\\" or mark == nests else start + 1

    def _outside(self, mark: str, start: int, end: int) -> int:
        """Read on behind a mark in code; answers with where."""
        if mark in {"bash": ("$'",), "python": ("'''", '"""')}.get(self.language, ()):
            self.open.append(mark)
        elif mark[0] in _QUOTES[self.language]:
            self.open.append(mark[0])
            return start + 1
        elif mark in _CLOSES:
            self.open.append(_CLOSES[mark])
        elif self.open and mark == self.open[-1]:
            self.open.pop()
        elif mark == "/" and self.language == "node" and self._begins_regex(start):
            found = _REGEX.match(self.text, start)
            return len(self.text) if found is None else found.end()  # node says that it never ends
        return end

    def _is_comment(self, mark: str, start: int) -> bool:
        before = self.text[start - 1 : start]
        match self.language:
            case "node":
                return self.text.startswith("//", start)
            case "python":
                return mark == "#"
        return mark == "#" and (not before or before in " \t;&|(")

    def _begins_regex(self, start: int) -> bool:
        """Whether a slash there divides nothing."""
        before = self.text[max(0, start - 32) : start].rstrip()
        return not before or before[-1] in "(,=:[!&|?{};+-*%~^<>" or bool(_VALUE.search(before))
