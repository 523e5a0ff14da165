"""Anthropic: the Messages API (docs: streaming, errors, models) as its server speaks it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from p42.model.completion import Usage
from tests.providers.vendors.http import VendorServer
from tests.providers.vendors.script import Say, Status
from tests.providers.vendors.wire import Seen

MODELS = ("claude-haiku-4-5", "claude-sonnet-4-5")
STOPS = {"end": "end_turn", "length": "max_tokens", "tools": "tool_use", "refused": "refusal"}


class AnthropicServer(VendorServer):
    """`/v1/messages`, `/v1/models` in pages, `/v1/messages/count_tokens`."""

    def is_completion(self, seen: Seen) -> bool:
        return seen.method == "POST" and seen.path.split("?")[0] == "/v1/messages"

    def refusal(self, seen: Seen) -> Status | None:
        given = seen.headers.get("x-api-key") or seen.headers.get("authorization", "")[7:]
        if self.key is not None and given != self.key:
            return Status(401, "invalid x-api-key", kind="authentication_error")
        if "anthropic-version" not in seen.headers:
            return Status(400, "anthropic-version: header is required")
        model = seen.body.get("model") if isinstance(seen.body, dict) else None
        if self.is_completion(seen) and self.models is not None and model not in self.models:
            return Status(404, f"model: {model}")
        return None

    def other(self, seen: Seen) -> tuple[int, Any]:
        if seen.path.startswith("/v1/models"):
            return 200, self._page(seen)
        if seen.path.startswith("/v1/messages/count_tokens"):
            return 200, {"input_tokens": len(seen.raw) // 4}
        return 404, self.error("not_found_error", seen.path)

    def _page(self, seen: Seen) -> dict[str, Any]:
        """One model a page, so that paging is walked."""
        names = list(self.models or MODELS)
        after = seen.path.partition("after_id=")[2].partition("&")[0]
        rest = names[names.index(after) + 1 :] if after else names
        data = [
            {
                "type": "model",
                "id": name,
                "display_name": name.title(),
                "created_at": "2026-01-01T00:00:00Z",
                "max_input_tokens": 200_000,
                "max_tokens": 64_000,
            }
            for name in rest[:1]
        ]
        ids = {"first_id": rest[0], "last_id": rest[0]} if rest else {}
        return {"data": data, "has_more": len(rest) > 1, **ids}

    def events(self, say: Say, seen: Seen) -> list[bytes]:
        return [event(one["type"], one) for one in self.messages(say, seen)]

    def messages(self, say: Say, seen: Seen) -> list[dict[str, Any]]:
        """The stream's events as objects."""
        start = {**self.whole(say, seen), "content": [], "stop_reason": None}
        start["usage"] = usage(replace(say.usage, output=1))
        found: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
        for index, block in enumerate(self._blocks(say)):
            found += _block(index, block, words=say.words)
        delta = {"stop_reason": STOPS[say.ends], "stop_sequence": None}
        counted = {"output_tokens": say.usage.output}
        found.append({"type": "message_delta", "delta": delta, "usage": counted})
        return [*found, {"type": "message_stop"}]

    def _blocks(self, say: Say) -> list[dict[str, Any]]:
        text = [{"type": "text", "text": say.text}] if say.text else []
        calls = [
            {"type": "tool_use", "id": call.id, "name": call.name,
             "input": call.wrong or dict(call.arguments)}
            for call in say.calls
        ]  # fmt: skip
        return [*text, *calls]

    def whole(self, say: Say, seen: Seen) -> dict[str, Any]:
        return {
            "id": "msg_local_1",
            "type": "message",
            "role": "assistant",
            "model": (seen.body or {}).get("model", "claude"),
            "content": self._blocks(say),
            "stop_reason": STOPS[say.ends],
            "stop_sequence": None,
            "usage": usage(say.usage),
        }

    def error(self, kind: str, message: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": kind, "message": message}}

    def error_event(self, kind: str, message: str) -> bytes:
        return event("error", self.error(kind, message))

    def sign_of_life(self) -> bytes:
        return event("ping", {"type": "ping"})


def event(name: str, value: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()


def usage(used: Usage) -> dict[str, Any]:
    """Anthropic counts what was cached beside `input_tokens`, not in it."""
    return {
        "input_tokens": used.input - used.cached - used.stored,
        "cache_read_input_tokens": used.cached,
        "cache_creation_input_tokens": used.stored,
        "cache_creation": {
            "ephemeral_5m_input_tokens": used.stored - used.hour,
            "ephemeral_1h_input_tokens": used.hour,
        },
        "output_tokens": used.output,
    }


def _block(index: int, block: dict[str, Any], *, words: list[str]) -> list[dict[str, Any]]:
    empty = {"text": ""} if block["type"] == "text" else {"input": {}}
    if block["type"] == "text":
        deltas = [{"type": "text_delta", "text": word} for word in words]
    else:
        text = block["input"] if isinstance(block["input"], str) else json.dumps(block["input"])
        halves = (text[: len(text) // 2], text[len(text) // 2 :])
        deltas = [{"type": "input_json_delta", "partial_json": half} for half in halves]
    return [
        {"type": "content_block_start", "index": index, "content_block": {**block, **empty}},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]
