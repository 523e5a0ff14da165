"""OpenAI: chat completions and models, as OpenAI and those compatible with it speak them."""

from __future__ import annotations

import json
from typing import Any

from p42.model.completion import ToolCall, Usage
from tests.providers.vendors.http import VendorServer
from tests.providers.vendors.script import Say, Status, written
from tests.providers.vendors.wire import Seen

MODELS = ("gpt-4o", "gpt-4o-mini")
STOPS = {"end": "stop", "length": "length", "tools": "tool_calls", "refused": "content_filter"}
DONE = b"data: [DONE]\n\n"


class OpenAIServer(VendorServer):
    """`url` ends with /v1, as a baseUrl of this kind does."""

    @property
    def url(self) -> str:
        return super().url + "/v1"

    def is_completion(self, seen: Seen) -> bool:
        return seen.method == "POST" and seen.path == "/v1/chat/completions"

    def refusal(self, seen: Seen) -> Status | None:
        if self.key is not None and seen.headers.get("authorization") != f"Bearer {self.key}":
            given = seen.headers.get("authorization", "")[7:]  # OpenAI does show it, in part
            return Status(401, f"Incorrect API key provided: {given}", kind="invalid_api_key")
        model = seen.body.get("model") if isinstance(seen.body, dict) else None
        if self.is_completion(seen) and self.models is not None and model not in self.models:
            return Status(404, f"The model `{model}` does not exist", kind="model_not_found")
        return None

    def other(self, seen: Seen) -> tuple[int, Any]:
        if seen.path == "/v1/models":
            data = [
                {"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "local"}
                for name in self.models or MODELS
            ]
            return 200, {"object": "list", "data": data}
        return 404, self.error("not_found", seen.path)

    def events(self, say: Say, seen: Seen) -> list[bytes]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": word} for word in say.words]
        for index, call in enumerate(say.calls):
            deltas += _call(index, call)
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": STOPS[say.ends]})
        found = [self._chunk(seen, choices=[choice]) for choice in choices]
        if say.count and (seen.body.get("stream_options") or {}).get("include_usage"):
            found.append(self._chunk(seen, choices=[], usage=usage(say.usage)))
        return [*found, DONE]

    def _chunk(self, seen: Seen, **fields: Any) -> bytes:
        value = {
            "id": "chatcmpl-local-1",
            "object": "chat.completion.chunk",
            "created": 1_767_225_600,
            "model": seen.body.get("model", "gpt"),
            **fields,
        }
        return f"data: {json.dumps(value)}\n\n".encode()

    def whole(self, say: Say, seen: Seen) -> dict[str, Any]:
        calls = [_call(index, call)[0] for index, call in enumerate(say.calls)]
        message = {
            "role": "assistant",
            "content": say.text,
            **({"tool_calls": calls} if calls else {}),
        }
        return {
            "id": "chatcmpl-local-1",
            "object": "chat.completion",
            "created": 1_767_225_600,
            "model": seen.body.get("model", "gpt"),
            "choices": [{"index": 0, "message": message, "finish_reason": STOPS[say.ends]}],
            **({"usage": usage(say.usage)} if say.count else {}),
        }

    def error(self, kind: str, message: str) -> dict[str, Any]:
        return {"error": {"message": message, "type": kind, "code": kind, "param": None}}

    def error_event(self, kind: str, message: str) -> bytes:
        return f"data: {json.dumps(self.error(kind, message))}\n\n".encode()


def usage(used: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cached},
    }


def _call(index: int, call: ToolCall) -> list[dict[str, Any]]:
    text = written(call)
    first = {"name": call.name, "arguments": text[: len(text) // 2]}
    begun = {"index": index, "id": call.id, "type": "function", "function": first}
    more = {"index": index, "function": {"arguments": text[len(text) // 2 :]}}
    return [{"tool_calls": [begun]}, {"tool_calls": [more]}]
