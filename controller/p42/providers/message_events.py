"""Message events: an answer in pieces as the Messages API tells it, as events or as one object.

Pure; the other half of `messages`. The vendor's count is known only at the end, so the usage of
`message_start` is 0 and that of `message_delta`, which is cumulative, has it all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from p42.model.completion import Cut, Reply, Stop, Text, ToolCall, Usage
from p42.model.errors import InvalidInput, P42Error, Retry, TimedOut

_STOPS: Mapping[Stop, str] = {
    "end": "end_turn",
    "length": "max_tokens",
    "tools": "tool_use",
    "refused": "refusal",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer instead of a message."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class Telling:
    """One answer as events. `id`: of the message, as p42 calls it (`msg_...`)."""

    def __init__(self, *, model: str, id: str) -> None:  # noqa: A002 - the API's word
        self._message = _message(model=model, id_=id, content=[], stop=None, usage=Usage())
        self._index = -1
        self._in_text = False

    def start(self) -> bytes:
        """Before the first piece."""
        return _event("message_start", message=self._message)

    def tell(self, piece: Text | ToolCall) -> bytes:
        """Some more of the answer."""
        if isinstance(piece, ToolCall):
            block = {"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}}
            said = json.dumps(_input(piece))
            delta = {"type": "input_json_delta", "partial_json": said}
            return self._close() + self._open(block) + self._delta(delta) + self._stop()
        delta = {"type": "text_delta", "text": piece.text}
        if self._in_text:
            return self._delta(delta)
        self._in_text = True
        return self._open({"type": "text", "text": ""}) + self._delta(delta)

    def end(self, reply: Reply) -> bytes:
        """After the last piece."""
        delta = {"stop_reason": _STOPS[reply.stop], "stop_sequence": None}
        told = _event("message_delta", delta=delta, usage=_usage(reply.usage))
        return self._close() + told + _event("message_stop")

    def broke(self, error: P42Error) -> bytes:
        """In the place of `end`, when the answer broke off."""
        return _event("error", error=refusal(error).body["error"])

    def _open(self, block: Mapping[str, Any]) -> bytes:
        self._index += 1
        return _event("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)

    def _stop(self) -> bytes:
        return _event("content_block_stop", index=self._index)

    def _close(self) -> bytes:
        """End the text that is open."""
        was, self._in_text = self._in_text, False
        return self._stop() if was else b""


def whole(reply: Reply, *, id: str) -> dict[str, Any]:  # noqa: A002 - the API's word
    """The answer as one object."""
    content: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    content += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call)}
        for call in reply.calls
    ]
    stop = _STOPS[reply.stop]
    return _message(model=reply.model, id_=id, content=content, stop=stop, usage=reply.usage)


def _input(call: ToolCall) -> dict[str, Any]:
    """Arguments that could not be read as the API has clients tell of them: no tool takes this.

    https://docs.claude.com/en/docs/agents-and-tools/tool-use/fine-grained-tool-streaming
    """
    return {"INVALID_JSON": call.wrong} if call.wrong else dict(call.arguments)


def refusal(error: P42Error) -> Refusal:
    """`error` as the API tells errors. Clients ask again after 429 and 5xx, and only then."""
    headers: dict[str, str] = {}
    match error:
        case Retry(reason="RateLimited", after=after):
            status, kind = 429, "rate_limit_error"
            if after is not None:
                headers["retry-after"] = str(max(1, round(after)))
        case Retry():
            status, kind = 529, "overloaded_error"
        case TimedOut():
            status, kind = 504, "timeout_error"
        case InvalidInput():
            status, kind = 400, "invalid_request_error"
        case Cut(passes=passes):
            status, kind = (529, "overloaded_error") if passes else (400, "invalid_request_error")
        case _:  # Blocked: a budget, a key, a model; nothing that asking again would change
            status, kind = 403, "permission_error"
    body = {"type": "error", "error": {"type": kind, "message": str(error)}}
    return Refusal(status, body, headers)


def _message(
    *, model: str, id_: str, content: list[dict[str, Any]], stop: str | None, usage: Usage
) -> dict[str, Any]:
    return {
        "id": id_,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": _usage(usage),
    }


def _usage(usage: Usage) -> dict[str, int]:
    """The API counts what was cached beside `input_tokens`, not in it."""
    return {
        "input_tokens": usage.input - usage.cached - usage.stored,
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": usage.stored,
        "output_tokens": usage.output,
    }


def _event(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()
