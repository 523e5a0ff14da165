"""Progress: an apply or delete told as it happens, on stderr, and summed up at its end."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Any, TextIO

from p42.cli import terminal
from p42.model.diagnostic import Diagnostic
from p42.model.errors import Exit
from p42.model.reasons import REASONS, Mend

_COLOURS = {Mend.READY: "green", Mend.USER: "yellow", Mend.FAILED: "red", Mend.TIME: "dim"}
NAMED = 3  # pending names in the live line; more only flicker


class Progress:
    """One line per resource as it settles; on a terminal a last line tells what is pending."""

    def __init__(self, stream: TextIO, *, of_delete: bool = False) -> None:
        self._stream = stream
        self._of_delete = of_delete
        self._is_live = terminal.is_terminal(stream)
        self._has_colours = terminal.has_colours(stream)
        self._pending: dict[str, str] = {}
        self._told: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()
        self._stream.flush()

    def changed(self, item: dict[str, Any]) -> None:
        """A resource looks otherwise than before."""
        name = _name(item)
        if item.get("gone"):
            self._settled(name, "gone", Mend.READY, "")
        else:
            mend = _mend(item)
            if mend is Mend.TIME or (self._of_delete and mend is Mend.READY):
                self._pending[name] = item["reason"]
            else:
                word = "ready" if mend is Mend.READY else item["reason"]
                self._settled(name, word, mend, "" if mend is Mend.READY else item["message"])
        self._redraw()

    def finding(self, finding: dict[str, Any]) -> None:
        """A manifest that does not hold."""
        self._clear()
        print(Diagnostic(**finding).as_text(), file=self._stream)

    def summary(self, answer: dict[str, Any], *, waited: bool, code: int) -> None:
        """What became of it: one line on stdout, and one on stderr for each thing to do."""
        results = answer["results"]
        parts = [f"{n} {word}" for word, n in Counter(r["result"] for r in results).items()]
        text = ", ".join(parts) or "nothing to do"
        if waited and results and not self._of_delete:
            text += _readiness(results)
        if answer.get("broken"):
            text += f"; {_count(len(answer['broken']), 'finding')} in manifests"
        print(text, flush=True)
        for result in results:
            if waited and result["reason"] and result["ready"] != "True":
                self._tell_unless_told(result)
        self._remedies(answer.get("held", ()), code)

    def _tell_unless_told(self, result: dict[str, Any]) -> None:
        name = _name(result)
        if self._told.get(name) != (result["reason"], result["message"]):
            self._settled(name, result["reason"], _mend(result), result["message"])

    def _remedies(self, held: list[str], code: int) -> None:
        if held:
            names = ", ".join(each.lower() for each in held)
            terminal.notice(
                f"{_count(len(held), 'deletion')} held: {names}\n"
                "  If that was meant: p42 apply --prune. If not: put the manifests back."
            )
        if code == Exit.TIMEOUT:
            terminal.notice("The time ran out; the daemon goes on. See: p42 get status")

    def _settled(self, name: str, word: str, mend: Mend, message: str) -> None:
        self._pending.pop(name, None)
        if self._told.get(name) == (word, message):
            return
        self._told[name] = (word, message)
        self._clear()
        shown = terminal.paint(word, _COLOURS[mend]) if self._has_colours else word
        tail = f": {terminal.plain(message)}" if message else ""
        print(f"{name} {shown}{tail}", file=self._stream, flush=True)

    def _redraw(self) -> None:
        if not self._is_live or not self._pending:
            return
        names = ", ".join(f"{n} ({why})" for n, why in list(self._pending.items())[:NAMED])
        rest = len(self._pending) - NAMED
        line = f"… {names}" + (f" and {rest} more" if rest > 0 else "")
        self._stream.write(f"\r\033[K{line[: terminal.columns(self._stream) - 1]}")
        self._stream.flush()

    def _clear(self) -> None:
        if self._is_live:
            self._stream.write("\r\033[K")


def _name(item: dict[str, Any]) -> str:
    return f"{item['kind'].lower()}/{item['name']}"


def _mend(item: dict[str, Any]) -> Mend:
    """Who can mend it. A Waiting has the class of what it waits for, so the daemon tells."""
    known = REASONS.get(item["reason"])
    return Mend(item["mend"]) if "mend" in item else known.mend if known else Mend.TIME


def _readiness(results: list[dict[str, Any]]) -> str:
    """How many of those that are still wished for are ready; "" if none is."""
    wanted = [result for result in results if result["result"] not in ("pruned", "deleted")]
    ready = sum(result["ready"] == "True" for result in wanted)
    if not wanted:
        return ""
    return "; all ready" if ready == len(wanted) else f"; {ready} of {len(wanted)} ready"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
