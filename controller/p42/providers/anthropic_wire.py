"""Anthropic wire: prompts as Messages API requests, stream events as pieces. No I/O.

Prompt caching is asked for where it pays: writing costs a quarter more, reading a tenth, so two
uses within five minutes are a gain. The system text with its tools is the same for every call of
an agent; a conversation that has gone one round will likely go another. Below some 1,024 tokens
Anthropic caches nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from p42.model.completion import Message, Piece, Prompt, Reply, Stop, Text, ToolCall, Usage
from p42.providers.bounds import text_tokens
from p42.providers.calls import Calls, call_of
from p42.providers.faults import ErrorInside, Garbled, words

WORTH_CACHING = 4096  # bytes, about the 1,024 tokens below which nothing is cached
CACHED: Mapping[str, Any] = {"cache_control": {"type": "ephemeral"}}

STOPS: Mapping[str, Stop] = {
    "end_turn": "end", "stop_sequence": "end", "pause_turn": "end",
    "max_tokens": "length", "model_context_window_exceeded": "length",
    "tool_use": "tools", "refusal": "refused",
}  # fmt: skip

Shape = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def request(prompt: Prompt, *, shape: Shape = dict) -> dict[str, Any]:
    """The body for `prompt`. `shape` makes a schema fit what the vendor takes."""
    body: dict[str, Any] = {
        "model": prompt.model,
        "max_tokens": prompt.max_tokens,
        "messages": _turns(prompt.messages),
    }
    if prompt.system:
        body["system"] = [{"type": "text", "text": prompt.system}]
    if prompt.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": dict(tool.schema)}
            for tool in prompt.tools
        ]
    if prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    if prompt.stop:
        body["stop_sequences"] = list(prompt.stop)
    if prompt.shape is not None:
        schema = {"type": "json_schema", "schema": dict(shape(prompt.shape))}
        body["output_config"] = {"format": schema}
    _cache(body)
    return body


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Turns of blocks. Neighbours of one role are joined: all results of a turn go in one."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    """A message's blocks. Empty text has none: the API refuses it."""
    if message.role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.answers}
        return [{**result, "content": message.content}]
    text = [{"type": "text", "text": message.content}] if message.content else []
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
        for call in message.calls
    ]
    return [*text, *calls]


def _cache(body: dict[str, Any]) -> None:
    """Mark where the cache may begin to read: after tools and system, after the last turn."""
    fixed = [*body.get("tools", ()), *body.get("system", ())]
    size = _size(fixed)
    if fixed and size >= WORTH_CACHING:
        fixed[-1].update(CACHED)
    turns = body["messages"]
    goes_on = any(turn["role"] == "assistant" for turn in turns)
    if goes_on and size + _size(turns) >= WORTH_CACHING:
        turns[-1]["content"][-1].update(CACHED)


def _size(value: list[Any]) -> int:
    return len(json.dumps(value, ensure_ascii=False))


def count(raw: object, before: Usage | None = None) -> Usage:
    """A usage object of the Messages API. What it leaves out is as `before`: its numbers add up.

    Garbled for a number that is no count.
    """
    if not isinstance(raw, Mapping):
        raise Garbled("usage is no object")
    had = before or Usage()

    def of(name: str, other: int) -> int:
        value = raw.get(name)
        if value is None:
            return other
        if type(value) is not int or value < 0:
            raise Garbled(f"{name} is no count")
        return value

    cached = of("cache_read_input_tokens", had.cached)
    stored = of("cache_creation_input_tokens", had.stored)
    plain = of("input_tokens", had.input - had.cached - had.stored)
    output = of("output_tokens", had.output)
    return Usage(plain + cached + stored, output, cached, stored, _hour(raw, had, stored))


def _hour(raw: Mapping[str, Any], had: Usage, stored: int) -> int:
    """Of what was `stored`, what is kept for an hour. An older API does not tell it apart."""
    parts = raw.get("cache_creation")
    value = parts.get("ephemeral_1h_input_tokens") if isinstance(parts, Mapping) else None
    if value is None:
        return min(had.hour, stored)
    if type(value) is not int or value < 0:
        raise Garbled("ephemeral_1h_input_tokens is no count")
    return min(value, stored)


class MessageReader:
    """The events of one message. `most`: its max_tokens."""

    def __init__(self, *, most: int) -> None:
        self.begun = False
        self._most = most
        self._model = self._id = ""
        self._texts: list[str] = []
        self._open: dict[int, tuple[str, str, list[str]]] = {}  # calls: id, name, JSON so far
        self._heard = 0  # bytes of arguments
        self._calls: list[ToolCall] = []
        self._ids = Calls()
        self._wrong: list[ToolCall] = []  # told when it is known that it was not the limit
        self._usage: Usage | None = None
        self._stop: Stop | None = None
        self._ended = False

    @property
    def said(self) -> str:
        return "".join(self._texts)

    @property
    def counted(self) -> Usage | None:
        """What is billed if it ends here: the vendor tells the output only at the end, so until
        then it is bounded by what came."""
        if self._usage is None:
            return None
        used = self._usage
        bound = min(self._most, text_tokens(self.said) + self._heard)
        return replace(used, output=max(used.output, bound))

    def take(self, event: Mapping[str, Any]) -> list[Piece]:
        """What `event` says; kinds of events and blocks that are not known are skipped."""
        match event.get("type"):
            case "message_start":
                self._start(_object(event, "message"))
            case "content_block_start":
                return self._block(_index(event), _object(event, "content_block"))
            case "content_block_delta":
                return self._delta(_index(event), _object(event, "delta"))
            case "content_block_stop":
                return self._stopped(_index(event))
            case "message_delta":
                return self._end(event)
            case "message_stop":
                self._ended = True
            case "error":
                raise ErrorInside(*words(event))
            case str():
                pass
            case _:
                raise Garbled("an event has no type")
        return []

    def reply(self, *, vendor_id: str) -> Reply | None:
        if not self._ended or self._stop is None or self._usage is None:
            return None
        return Reply(
            text=self.said,
            usage=self._usage,
            model=self._model,
            stop=self._stop,
            calls=tuple(self._calls),
            vendor_id=vendor_id or self._id,
        )

    def _start(self, message: Mapping[str, Any]) -> None:
        self.begun = True
        self._model, self._id = _string(message, "model"), _string(message, "id")
        self._usage = count(message.get("usage"))

    def _block(self, index: int, block: Mapping[str, Any]) -> list[Piece]:
        if block.get("type") == "tool_use":
            id_ = self._ids.name(_string(block, "id"))
            self._open[index] = (id_, _string(block, "name"), [])
        elif block.get("type") == "text" and block.get("text"):
            return self._say(_string(block, "text"))
        return []

    def _delta(self, index: int, delta: Mapping[str, Any]) -> list[Piece]:
        if delta.get("type") == "text_delta":
            return self._say(_string(delta, "text"))
        if delta.get("type") == "input_json_delta" and index in self._open:
            part = _string(delta, "partial_json")
            self._heard += len(part.encode())
            self._open[index][2].append(part)
        return []

    def _say(self, text: str) -> list[Piece]:
        self._texts.append(text)
        return [Text(text)] if text else []

    def _stopped(self, index: int) -> list[Piece]:
        if index not in self._open:
            return []
        id_, name, parts = self._open.pop(index)
        call = call_of(id_, name, "".join(parts))
        self._calls.append(call)
        if call.wrong:
            self._wrong.append(call)
            return []
        return [call]

    def _end(self, event: Mapping[str, Any]) -> list[Piece]:
        reason = _object(event, "delta").get("stop_reason")
        if isinstance(reason, str):
            self._stop = STOPS.get(reason, "end")
        if event.get("usage") is not None:
            self._usage = count(event["usage"], self._usage)
        wrong, self._wrong = self._wrong, []
        if self._stop == "length":
            self._calls = [call for call in self._calls if not call.wrong]
            return []
        if self._open:
            raise Garbled("a tool call does not end")
        return [*wrong]


def _object(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = event.get(name)
    if not isinstance(value, Mapping):
        raise Garbled(f"{name} is no object")
    return value


def _string(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str):
        raise Garbled(f"{name} is no text")
    return value


def _index(event: Mapping[str, Any]) -> int:
    value = event.get("index")
    if type(value) is not int:
        raise Garbled("index is no number")
    return value
