"""OpenAI wire: prompts as chat completions, chunks as pieces. No I/O.

Many servers speak it, each with its gaps: calls without index or id, `stop` where `tool_calls` is
meant, usage in another place or not at all. What is missing here is made up for, never trusted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from p42.model.completion import Message, Piece, Prompt, Reply, Stop, Text, ToolCall, Usage
from p42.providers.bounds import most_input, text_tokens
from p42.providers.calls import Calls, call_of
from p42.providers.faults import ErrorInside, Garbled, words

Limit = Literal["max_tokens", "max_completion_tokens"]

STOPS: Mapping[str, Stop] = {
    "stop": "end", "length": "length", "content_filter": "refused",
    "tool_calls": "tools", "function_call": "tools",
}  # fmt: skip


def request(prompt: Prompt, *, limit: Limit) -> dict[str, Any]:
    """The body for `prompt`. `limit`: what this server calls the bound of the answer."""
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    body: dict[str, Any] = {
        "model": prompt.model,
        "messages": [*system, *(_message(message) for message in prompt.messages)],
        limit: prompt.max_tokens,
        "stream_options": {"include_usage": True},
    }
    if prompt.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.schema),
                },
            }
            for tool in prompt.tools
        ]
    if prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    if prompt.stop:
        body["stop"] = list(prompt.stop)
    if prompt.shape is not None:
        named = {"name": "answer", "schema": dict(prompt.shape), "strict": closed(prompt.shape)}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body


def closed(schema: object) -> bool:
    """Whether OpenAI can hold to `schema` strictly: every object closed, all its fields required.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if isinstance(schema, list | tuple):
        return all(closed(part) for part in schema)
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        fields = set(schema.get("properties") or ())
        if schema.get("additionalProperties") is not False:
            return False
        if fields != set(schema.get("required") or ()):
            return False
    return all(closed(part) for part in schema.values())


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.answers, "content": message.content}
    if not message.calls:
        return {"role": message.role, "content": message.content}
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
        }
        for call in message.calls
    ]
    return {"role": "assistant", "content": message.content or None, "tool_calls": calls}


def count(raw: Mapping[str, Any]) -> Usage:
    """A usage object. Garbled for a number that is no count."""
    details = raw.get("prompt_tokens_details")
    cached = _count(details, "cached_tokens") if isinstance(details, Mapping) else 0
    sent = _count(raw, "prompt_tokens")
    return Usage(input=sent, output=_count(raw, "completion_tokens"), cached=min(cached, sent))


def _count(raw: Mapping[str, Any], name: str) -> int:
    value = raw.get(name)
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise Garbled(f"{name} is no count")
    return value


class _Half:
    """A call that is still coming."""

    def __init__(self, id_: str, name: str) -> None:
        self.id, self.name = id_, name
        self.parts: list[str] = []

    def whole(self, calls: Calls) -> ToolCall:
        """All of it, by an id of its own."""
        return call_of(calls.name(self.id), self.name, "".join(self.parts))


class ChunkReader:
    """The chunks of one completion. `trims`: blanks before its first word are none of it."""

    def __init__(self, prompt: Prompt, *, trims: bool = False) -> None:
        self.begun, self._trims = False, trims
        self._prompt = prompt
        self._model, self._id = prompt.model, ""
        self._texts: list[str] = []
        self._halves: list[_Half] = []
        self._slots: dict[int, _Half] = {}
        self._told = 0  # of the halves; a server may say twice that it has ended
        self._ids = Calls()
        self._calls: list[ToolCall] = []
        self._usage: Usage | None = None
        self._stop: Stop | None = None

    @property
    def said(self) -> str:
        return "".join(self._texts)

    @property
    def counted(self) -> Usage | None:
        """What the vendor counted. Nothing until the end, and models may think unseen, so that
        what came bounds nothing."""
        return self._usage

    def take(self, event: Mapping[str, Any]) -> list[Piece]:
        if event.get("error"):
            raise ErrorInside(*words(event))
        choices = event.get("choices")
        if not isinstance(choices, list) and event.get("object") != "chat.completion.chunk":
            raise Garbled("a chunk has no choices")
        self.begun = True
        self._note(event)
        first = next((one for one in choices or () if _is_first(one)), None)
        return [] if first is None else self._choice(first)

    def reply(self, *, vendor_id: str) -> Reply | None:
        if self._stop is None:
            return None
        return Reply(
            text=self.said,
            usage=self._usage or self._bound(),
            model=self._model,
            stop="tools" if self._calls and self._stop == "end" else self._stop,
            calls=tuple(self._calls),
            vendor_id=vendor_id or self._id,
        )

    def _bound(self) -> Usage:
        """For a server that counts nothing: never less than it was."""
        heard = sum(len(part.encode()) for half in self._halves for part in half.parts)
        return Usage(most_input(self._prompt), text_tokens(self.said) + heard)

    def _note(self, event: Mapping[str, Any]) -> None:
        self._model = _text(event, "model") or self._model
        self._id = _text(event, "id") or self._id
        groq = event.get("x_groq")
        usage = event.get("usage") or (groq.get("usage") if isinstance(groq, Mapping) else None)
        if isinstance(usage, Mapping):
            self._usage = count(usage)

    def _choice(self, choice: Mapping[str, Any]) -> list[Piece]:
        delta = choice.get("delta") or {}
        if not isinstance(delta, Mapping):
            raise Garbled("a delta is no object")
        text = _text(delta, "content") + _text(delta, "refusal")
        if self._trims and not self._texts:
            text = text.lstrip()
        pieces: list[Piece] = []
        if text:
            self._texts.append(text)
            pieces.append(Text(text))
        parts = delta.get("tool_calls") or ()
        if not isinstance(parts, list | tuple):
            raise Garbled("tool_calls is no list")
        for part in parts:
            self._call(part)
        if _text(delta, "refusal"):
            self._stop = "refused"
        if reason := _text(choice, "finish_reason"):
            pieces += self._finish(reason)
        return pieces

    def _call(self, part: object) -> None:
        function = part.get("function") if isinstance(part, Mapping) else None
        if not isinstance(part, Mapping) or not isinstance(function, Mapping):
            raise Garbled("a tool call is no object")
        index, id_ = part.get("index"), _text(part, "id")
        slot = index if type(index) is int else len(self._slots) if id_ else len(self._slots) - 1
        half = self._slots.get(slot)
        if half is None or (id_ and id_ != half.id):  # Ollama gives several calls index 0
            half = _Half(id_ or f"call_{len(self._halves)}", _text(function, "name"))
            self._slots[slot] = half
            self._halves.append(half)
        given = function.get("arguments")  # an object, as some servers have it, is one as text
        half.parts.append(given if isinstance(given, str) else _json(given))

    def _finish(self, reason: str) -> list[ToolCall]:
        self._stop = self._stop or STOPS.get(reason, "end")
        calls = [half.whole(self._ids) for half in self._halves[self._told :]]
        self._told = len(self._halves)
        # One that the limit cut is half of a call, and nobody's mistake.
        whole = [call for call in calls if not call.wrong or self._stop != "length"]
        self._calls += whole
        return whole


def _is_first(choice: object) -> bool:
    if not isinstance(choice, Mapping):
        raise Garbled("a choice is no object")
    return bool(choice.get("index", 0) == 0)


def _json(value: object) -> str:
    return "" if value is None else json.dumps(value)


def _text(value: Mapping[str, Any], name: str) -> str:
    """The text at `name`, "" where there is none."""
    found = value.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Garbled(f"{name} is no text")
    return found
