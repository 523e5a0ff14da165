"""Messages: a Messages API request as a Prompt, so that accounts of any vendor can answer it.

Pure. What a Prompt cannot say is refused where leaving it out would change the answer (images,
forced tools), and left out where it would not (metadata, cache marks, sampling details, thinking
of earlier turns, tools that run on Anthropic's own servers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from p42.model.completion import Message, Prompt, Tool, ToolCall
from p42.model.errors import InvalidInput
from p42.providers.calls import SHOWN, strict

MOST_MESSAGES = 100_000  # the API's own limit
MOST_TOKENS = 1 << 24  # of one answer; keeps a slip out of the meter's sums
_SKIPPED = frozenset({"thinking", "redacted_thinking"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `stream`: whether the answer is wanted as events."""

    prompt: Prompt
    stream: bool


def read(body: bytes) -> Asked:
    """The request in `body`. InvalidInput, with the place, for what it cannot be."""
    try:
        given = strict(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is no JSON: {str(error)[:SHOWN]}") from None
    request = _mapping(given, "the body")
    prompt = Prompt(
        model=_text(request.get("model"), "model"),
        messages=_messages(request.get("messages")),
        system=_system(request),
        max_tokens=_count(request.get("max_tokens")),
        temperature=_number(request.get("temperature")),
        stop=tuple(_text(one, "stop_sequences") for one in _list(request, "stop_sequences")),
        tools=_tools(request),
        shape=_shape(request.get("output_config")),
    )
    return Asked(prompt, stream=request.get("stream") is True)


def _messages(given: object) -> tuple[Message, ...]:
    if not isinstance(given, list) or not 0 < len(given) <= MOST_MESSAGES:
        raise InvalidInput(f"messages: a list of 1 to {MOST_MESSAGES} is needed")
    found: list[Message] = []
    for number, one in enumerate(given):
        place = f"messages.{number}"
        turn = _mapping(one, place)
        if turn.get("role") == "assistant":
            found.append(_said(turn.get("content"), place))
        elif turn.get("role") == "user":
            found += _asked(turn.get("content"), place)
        elif turn.get("role") != "system":
            raise InvalidInput(f"{place}.role: user, assistant or system is needed")
    if not found:
        raise InvalidInput("messages: a turn of the user is needed")
    return tuple(found)


def _system(request: Mapping[str, Any]) -> str:
    """The system prompt, and what stands as such among the turns: the claude CLI puts it there."""
    asides = [
        _words(turn.get("content") or "", f"messages.{number}")
        for number, turn in enumerate(_list(request, "messages"))
        if isinstance(turn, Mapping) and turn.get("role") == "system"
    ]
    return "\n\n".join(filter(None, [_words(request.get("system") or "", "system"), *asides]))


def _said(content: object, place: str) -> Message:
    """An assistant's turn: its text and its calls."""
    texts, calls = [], []
    for where, block in _blocks(content, place):
        if block.get("type") == "tool_use":
            name, id_ = _text(block.get("name"), f"{where}.name"), _text(block.get("id"), where)
            calls.append(ToolCall(id_, name, _mapping(block.get("input"), f"{where}.input")))
        else:
            texts.append(_plain(block, where))
    return Message("assistant", "".join(texts), tuple(calls))


def _asked(content: object, place: str) -> list[Message]:
    """A user's turn: the results of calls, each a message of its own, and then its text."""
    texts, results = [], []
    for where, block in _blocks(content, place):
        if block.get("type") == "tool_result":
            id_ = _text(block.get("tool_use_id"), f"{where}.tool_use_id")
            said = _words(block.get("content") or "", f"{where}.content")
            failed = "Error: " if block.get("is_error") is True else ""
            results.append(Message("tool", failed + said, answers=id_))
        else:
            texts.append(_plain(block, where))
    text = "".join(texts)
    return [*results, Message("user", text)] if text or not results else [*results]


def _blocks(content: object, place: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Content as blocks with their places; a string is one block of text."""
    if isinstance(content, str):
        return [(place, {"type": "text", "text": content})]
    if not isinstance(content, list):
        raise InvalidInput(f"{place}.content: text or a list of blocks is needed")
    placed = ((f"{place}.content.{number}", one) for number, one in enumerate(content))
    return [(where, _mapping(one, where)) for where, one in placed]


def _plain(block: Mapping[str, Any], place: str) -> str:
    kind = block.get("type")
    if kind in _SKIPPED:
        return ""
    if kind != "text":
        message = f"{place}: a block of type {str(kind)[:40]!r} needs an account of anthropic"
        raise InvalidInput(message)
    return _text(block.get("text"), f"{place}.text")


def _words(given: object, place: str) -> str:
    """Text, or blocks of text joined."""
    return "".join(_plain(block, where) for where, block in _blocks(given, place))


def _tools(request: Mapping[str, Any]) -> tuple[Tool, ...]:
    choice = request.get("tool_choice")
    chosen = choice.get("type") if isinstance(choice, Mapping) else "auto"
    if chosen == "none":
        return ()
    if chosen != "auto":
        raise InvalidInput("tool_choice: forcing a tool needs an account of anthropic")
    tools = []
    for number, one in enumerate(_list(request, "tools")):
        tool = _mapping(one, f"tools.{number}")
        if tool.get("type") in (None, "custom"):
            name = _text(tool.get("name"), f"tools.{number}.name")
            schema = _mapping(tool.get("input_schema"), f"tools.{number}.input_schema")
            tools.append(Tool(name, str(tool.get("description") or ""), schema))
    return tuple(tools)


def _shape(config: object) -> Mapping[str, Any] | None:
    form = config.get("format") if isinstance(config, Mapping) else None
    if form is None:
        return None
    return _mapping(_mapping(form, "output_config.format").get("schema"), "output_config.format")


def _list(request: Mapping[str, Any], name: str) -> list[Any]:
    value = request.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidInput(f"{name}: a list is needed")
    return value


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{place}: an object is needed")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{place}: text is needed")
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 < value <= MOST_TOKENS:
        raise InvalidInput(f"max_tokens: a number from 1 to {MOST_TOKENS} is needed")
    return value


def _number(value: object) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= (number := float(str(value))) <= 2:
        raise InvalidInput("temperature: a number from 0 to 2 is needed")
    return number
