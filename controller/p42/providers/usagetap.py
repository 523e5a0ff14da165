"""Usagetap: what a relayed Messages API answer used, read along from its bytes. No I/O.

It never raises: what it reads is passed on in any case, and where it cannot tell, it says None,
which the meter takes for the worst case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from p42.model.completion import Usage
from p42.providers.anthropic_wire import count
from p42.providers.bounds import text_tokens
from p42.providers.faults import Garbled
from p42.providers.sse import Events, TooLong

MOST_JSON = 64 << 20  # bytes of an answer in one piece; no client is handed a longer one
_SEEN = frozenset({"text", "tool_use"})  # blocks all of whose tokens are sent


class UsageTap:
    """Feed it the answer's body. `content_type`: the answer's; `most`: the request's max_tokens.

    `usage`: the vendor's count once it is final; until then what is billed at most if it ends
    here; None = nothing is known. `whole`: the answer came to its end. `failed`: the kind of the
    error that came instead, "" = none.
    """

    def __init__(self, *, content_type: str, most: int) -> None:
        self.whole = False
        self.failed = ""
        self.model = ""
        self.vendor_id = ""
        self._most = most
        self._counted: Usage | None = None
        self._final = False
        self._heard = 0  # tokens that came, at most
        self._unseen = False  # a block of thinking: billed in full, sent in part
        self._events = Events() if "event-stream" in content_type else None
        self._body: bytearray | None = bytearray() if self._events is None else None

    @property
    def usage(self) -> Usage | None:
        if self._counted is None or self._final:
            return self._counted
        used = self._counted
        bound = self._most if self._unseen else min(self._most, self._heard)
        return replace(used, output=max(used.output, bound))

    def feed(self, data: bytes) -> None:
        """Some more of the body."""
        if self._events is not None:
            self._read(data)
        elif self._body is not None:
            self._body += data
            if len(self._body) > MOST_JSON:
                self._body = None

    def end(self) -> None:
        """The body has ended; a JSON answer is read only now."""
        body, self._body = self._body, None
        if body is not None:
            message = _object(bytes(body))
            if message.get("type") == "message":
                self._message(message)
                self._final = self.whole = self._counted is not None
            self._error(message)

    def _read(self, data: bytes) -> None:
        if self._events is None:
            return
        try:
            events = self._events.feed(data)
        except TooLong:
            self._give_up()
            return
        for event in events:
            self._event(_object(event.data))

    def _event(self, event: Mapping[str, Any]) -> None:
        match event.get("type"):
            case "message_start":
                self._message(event.get("message"))
            case "content_block_start":
                block = event.get("content_block")
                kind = block.get("type") if isinstance(block, Mapping) else None
                self._unseen = self._unseen or kind not in _SEEN
            case "content_block_delta":
                delta = event.get("delta")
                said = delta.items() if isinstance(delta, Mapping) else ()
                self._heard += sum(
                    text_tokens(one)
                    for name, one in said
                    if name != "type" and isinstance(one, str)
                )
            case "message_delta":
                self._count(event.get("usage"))
                self._final = self._counted is not None
            case "message_stop":
                self.whole = True
        self._error(event)

    def _message(self, message: object) -> None:
        if not isinstance(message, Mapping):
            return
        self.model, self.vendor_id = str(message.get("model", "")), str(message.get("id", ""))
        self._count(message.get("usage"))

    def _count(self, usage: object) -> None:
        try:
            self._counted = count(usage, self._counted)
        except Garbled:
            self._give_up()

    def _error(self, message: Mapping[str, Any]) -> None:
        error = message.get("error")
        if message.get("type") == "error" and isinstance(error, Mapping):
            self.failed = str(error.get("type") or "error")

    def _give_up(self) -> None:
        """Nothing that comes is understood any more: the worst case."""
        self._counted, self._final, self._events, self._body = None, False, None, None


def _object(text: bytes | str) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}
