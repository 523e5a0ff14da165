"""Onlooking: `p42 session watch`: a conversation as somebody else has it, word by word."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from p42.cli import terminal


def line(message: Mapping[str, Any]) -> str:
    """A turn, for a person."""
    cut = " [it broke off here]" if message.get("cut") else ""
    return f"{message['role']}: {terminal.lines(message['content'])}{cut}"


class Onlooker:
    """`see` each piece as it comes."""

    def __init__(self) -> None:
        self._heard = ""  # of an answer that goes on; it stands on the screen

    def see(self, piece: Mapping[str, Any]) -> None:
        """Print some more of an answer, or a turn: whole, unless all of it was heard."""
        if "text" in piece:
            begin = "" if self._heard else "assistant: "
            sys.stdout.write(f"{begin}{terminal.lines(piece['text'])}")
            self._heard += piece["text"]
        elif "role" in piece:
            self._turn(piece)
        elif "lost" in piece:
            terminal.notice("p42: some was lost, this terminal is too slow; see: p42 session show")
        sys.stdout.flush()

    def close(self) -> None:
        """No more comes; an answer that went on keeps its line."""
        if self._heard:
            print(flush=True)

    def _turn(self, piece: Mapping[str, Any]) -> None:
        heard, self._heard = self._heard, ""
        is_heard = bool(heard) and heard == piece["content"]
        if is_heard and piece.get("cut"):
            print(" [it broke off here]")
        elif heard:
            print()
        if not is_heard:
            print(line(piece))
