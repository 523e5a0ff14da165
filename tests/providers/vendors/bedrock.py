"""Bedrock: Anthropic's messages in AWS event-stream frames, as bedrock-runtime sends them."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any
from urllib.parse import unquote

from tests.providers.vendors.anthropic import AnthropicServer
from tests.providers.vendors.script import Say, Status
from tests.providers.vendors.wire import Seen

KINDS = {
    "overloaded_error": "serviceUnavailableException",
    "rate_limit_error": "throttlingException",
}
MODELS = ("anthropic.claude-haiku-4-5-v1:0",)


class BedrockServer(AnthropicServer):
    """`/model/ID/invoke[-with-response-stream]`, and the control plane's `/foundation-models`."""

    content_type = "application/vnd.amazon.eventstream"

    def is_completion(self, seen: Seen) -> bool:
        return seen.method == "POST" and seen.path.startswith("/model/")

    def streams(self, seen: Seen) -> bool:
        return seen.path.endswith("/invoke-with-response-stream")

    def refusal(self, seen: Seen) -> Status | None:
        given = seen.headers.get("authorization", "")
        signed = given.startswith("AWS4-HMAC-SHA256 ")
        if self.key is not None and not signed and given != f"Bearer {self.key}":
            said = b'{"message": "The security token included in the request is invalid."}'
            kind = {"x-amzn-errortype": "UnrecognizedClientException"}
            return Status(403, headers=kind, body=said)
        model = unquote(seen.path.split("/")[2]) if self.is_completion(seen) else None
        if model and self.models is not None and model not in self.models:
            said = b'{"message": "The provided model identifier is invalid."}'
            return Status(400, headers={"x-amzn-errortype": "ValidationException"}, body=said)
        return None

    def other(self, seen: Seen) -> tuple[int, Any]:
        if seen.path.startswith("/foundation-models"):
            cards = [
                {"modelId": name, "modelName": name, "providerName": "Anthropic"}
                for name in self.models or MODELS
            ]
            return 200, {"modelSummaries": cards}
        return 404, {"message": seen.path}

    def events(self, say: Say, seen: Seen) -> list[bytes]:
        return [_chunk(one) for one in self.messages(say, seen)]

    def error_event(self, kind: str, message: str) -> bytes:
        named = {":message-type": "exception", ":exception-type": KINDS.get(kind, kind)}
        return _frame({"message": message}, headers=named)

    def sign_of_life(self) -> bytes:
        return _chunk({"type": "ping"})


def _chunk(value: dict[str, Any]) -> bytes:
    inner = {"bytes": base64.b64encode(json.dumps(value).encode()).decode()}
    return _frame(inner, headers={":message-type": "event", ":event-type": "chunk"})


def _frame(value: dict[str, Any], *, headers: dict[str, str]) -> bytes:
    """A frame: lengths, their CRC, headers, payload, CRC of all (AWS event stream encoding)."""
    named = {**headers, ":content-type": "application/json"}
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(text)) + text.encode()
        for name, text in named.items()
    )
    payload = json.dumps(value).encode()
    lengths = struct.pack(">II", len(head) + len(payload) + 16, len(head))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + head + payload
    return body + struct.pack(">I", zlib.crc32(body))
