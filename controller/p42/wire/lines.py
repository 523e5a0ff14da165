"""The `lines` protocol: a program that reads a line and answers in lines, without I/O.

    p42 -> program    a message is one line; line ends inside it are written as backslash and n
    program -> p42    lines; the answer is over when nothing has come for QUIET seconds, or at a
                      line that holds nothing but EOT (U+0004). Who sends EOT once is waited for
                      until it comes, however long the pauses between lines

A program that is to be told what was said before it was started reads that first, a line for each
message (`user: ...`, `assistant: ...`), as many as P42_HISTORY says, and answers nothing to them.

Lines are UTF-8; what is none is replaced. A line may have no more than MAX_LINE characters.
"""

from __future__ import annotations

import codecs

QUIET = 0.4  # s without a line; programs on this machine write an answer's lines at once
MAX_LINE = 1 << 20  # bytes
EOT = "\x04"


def line_of(message: str) -> bytes:
    """A message as its line."""
    text = message.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").replace("\n", "\\n")
    return text.replace("\0", "").encode("utf-8", "replace") + b"\n"


class AnswerLines:
    """Bytes to the text of answers. One per program. `marks`: it ends its answers with EOT."""

    def __init__(self) -> None:
        self.marks = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""  # begun and not ended

    def feed(self, data: bytes) -> tuple[str, bool]:
        """The whole lines that `data` completes, and whether an EOT among them ends the answer.

        What stands behind an EOT belongs to no message and is dropped. ValueError for a line that
        is too long.
        """
        self._line += self._decoder.decode(data)
        *whole, self._line = self._line.split("\n")
        if len(self._line) > MAX_LINE:
            raise ValueError(f"a line of more than {MAX_LINE} characters")
        for number, line in enumerate(whole):
            if line.strip(" \r") == EOT:
                self.marks, self._line = True, ""
                return _joined(whole[:number]), True
        return _joined(whole), False

    def rest(self) -> str:
        """What is there of a line that does not go on: a prompt, or the last before its end."""
        rest, self._line = self._line, ""
        return rest


def _joined(lines: list[str]) -> str:
    return "".join(f"{line.removesuffix(chr(13))}\n" for line in lines)
