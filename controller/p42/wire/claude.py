"""The lines that `claude --print --output-format stream-json` writes, without I/O.

    system/init     Began: the CLI's own session id, by which it goes on later
    stream_event    Text and Thinking, piece by piece (--include-partial-messages)
    assistant       Text and Thinking of what was not streamed before, ToolCall
    user            Returned: what a tool gave back
    result          Ended: the whole text, usage, and whether it failed

What came in pieces comes once more as a whole: it is told once. What sub-agents say among
themselves is not the answer, and what the vendor veils (redacted_thinking) is not told. Lines that
are no JSON, or are too long, are skipped.
Source: code.claude.com/docs (headless, SDK messages); observed with 2.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from p42.model.completion import Text, ToolCall, Usage
from p42.model.talk import Thinking

MAX_LINE = 8 << 20  # bytes; a tool's result may hold a picture
RESULT = 4096  # characters of a tool's result that are shown
BETWEEN = "\n\n"  # two texts of one answer, with tools between them
WORDS: Mapping[str, type[Text | Thinking]] = {"text": Text, "thinking": Thinking}  # by block
DELTAS = {"text_delta": "text", "thinking_delta": "thinking"}  # pieces of which block
MADE_UP = "<synthetic>"  # the model of an error that the CLI words as an answer


@dataclass(frozen=True, slots=True)
class Began:
    """It runs. `session` is what --resume takes."""

    session: str
    model: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What the tool call `id` gave back, cut."""

    id: str
    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event. `problem` "" = it went well. `status`: of the API, 0 = nothing to do with it.

    `cost` in micro-USD, as the CLI reckons it.
    """

    text: str
    session: str
    problem: str = ""
    status: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: int = 0


Event = Began | Text | Thinking | ToolCall | Returned | Ended


class ClaudeLines:
    """Bytes to events. One per run. `skipped` counts lines that told nothing readable."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._too_long = False
        self.skipped = 0
        self._streamed: set[str] = set()  # blocks of the current message that came in pieces
        self._message = ""
        self._said: set[str] = set()

    def feed(self, data: bytes) -> Iterator[Event]:
        """What `data` completes, in order. Read it to the end before feeding more."""
        self._buffer += data
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            if self._too_long:
                self._too_long = False
                self.skipped += 1
            else:
                yield from self._line(line)
        self._searched = len(self._buffer)
        if len(self._buffer) > MAX_LINE:
            self._buffer.clear()
            self._searched = 0
            self._too_long = True

    def end(self) -> Iterator[Event]:
        """The output is over: what its last line tells, where it has no line end."""
        line, self._buffer = bytes(self._buffer), bytearray()
        if not self._too_long:
            yield from self._line(line)

    def _line(self, line: bytes) -> Iterator[Event]:
        if not line.strip():
            return
        try:
            body = json.loads(line)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            self.skipped += 1
            return
        if body.get("parent_tool_use_id"):
            return
        match body.get("type"):
            case "system" if body.get("subtype") == "init" and _text(body, "session_id"):
                yield Began(_text(body, "session_id"), _text(body, "model"))
            case "stream_event":
                yield from self._piece(_map(body, "event"))
            case "assistant":
                yield from self._assistant(_map(body, "message"))
            case "user":
                yield from _returned(_map(body, "message"))
            case "result":
                yield _ended(body)

    def _piece(self, event: Mapping[str, Any]) -> Iterator[Event]:
        match event.get("type"):
            case "message_start":
                self._message = _text(_map(event, "message"), "id")
                self._streamed.clear()
            case "content_block_start":
                block = _map(event, "content_block")
                yield from self._words(_text(block, "type"), block, fresh=True)
            case "content_block_delta":
                delta = _map(event, "delta")
                if kind := DELTAS.get(_text(delta, "type")):
                    self._streamed.add(kind)
                    yield from self._words(kind, delta)

    def _assistant(self, message: Mapping[str, Any]) -> Iterator[Event]:
        if message.get("model") == MADE_UP:
            return  # its `result` says it too, and that it is an error
        known = self._streamed if message.get("id") == self._message else ()
        for block in _maps(message.get("content")):
            kind = _text(block, "type")
            if kind == "tool_use":
                name, arguments = _text(block, "name"), _map(block, "input")
                yield ToolCall(_text(block, "id"), name, arguments)
            elif kind not in known:
                yield from self._words(kind, block, fresh=True)

    def _words(
        self, kind: str, block: Mapping[str, Any], *, fresh: bool = False
    ) -> Iterator[Event]:
        """What `block` says or thinks, if it does either. `fresh`: another block begins."""
        if kind not in WORDS:
            return
        text = _text(block, kind)
        if fresh and kind in self._said:
            text = BETWEEN + text
        if text:
            self._said.add(kind)
            yield WORDS[kind](text)


def _returned(message: Mapping[str, Any]) -> Iterator[Returned]:
    for block in _maps(message.get("content")):
        if block.get("type") == "tool_result":
            given = block.get("content")
            parts = [given] if isinstance(given, str) else [_text(b, "text") for b in _maps(given)]
            text = "\n".join(part for part in parts if part)[:RESULT]
            yield Returned(_text(block, "tool_use_id"), text, bool(block.get("is_error")))


def _ended(body: Mapping[str, Any]) -> Ended:
    text, used = _text(body, "result"), _map(body, "usage")
    problem = ""
    if body.get("is_error") or _text(body, "subtype").startswith("error"):
        errors = body.get("errors")
        told = [str(each) for each in errors] if isinstance(errors, list) else []
        problem = "; ".join(told) or text or _text(body, "subtype") or "it failed without a word"
    cached, stored = (
        _whole(used, "cache_read_input_tokens"),
        _whole(used, "cache_creation_input_tokens"),
    )
    usage = Usage(
        _whole(used, "input_tokens") + cached + stored, _whole(used, "output_tokens"),
        cached, stored,
    )  # fmt: skip
    cost = body.get("total_cost_usd")
    micro = round(cost * 1_000_000) if isinstance(cost, int | float) and 0 <= cost < 1e6 else 0
    status = _whole(body, "api_error_status")
    return Ended(text, _text(body, "session_id"), problem, status, usage, micro)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _map(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _whole(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
