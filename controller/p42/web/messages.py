"""Messages: `/v1/messages` and its kin: models for programs that speak Anthropic's API.

An account of Anthropic's gets the request as it is; for any other it becomes a prompt, and the
answer Anthropic's again. Either way it is metered, and a client that hangs up ends it.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from p42.ai.accounts.relayed import bound
from p42.model.completion import Call, ModelCard
from p42.model.models import Relaying
from p42.model.refs import Ref
from p42.model.relay import Relay
from p42.model.tokens import Token
from p42.providers import messages as translation
from p42.providers.bounds import most_input
from p42.stores.tokens import SqliteTokens
from p42.web.answering import Streaming, pass_on, reply, tell_whole
from p42.web.asked import Asked, read
from p42.web.choice import Choice, choose
from p42.web.guard import TOKEN
from p42.web.problems import Refused, Send
from p42.web.purse import Purse

TIMEOUT = 600.0  # s for an answer, all tries together: what Anthropic's own clients wait
PASSED_ON = ("anthropic-version", "anthropic-beta")  # headers that change what is answered
BYTES_A_TOKEN = 3  # of plain text; English has four, code and other languages fewer
PICTURE = 1_600  # tokens of an image at Anthropic's (docs: vision)


class Messages:
    """ASGI applications. `models` asks the accounts, `clean` takes secrets out of texts."""

    def __init__(
        self, models: Relaying, tokens: SqliteTokens, *, clean: Callable[[str], str]
    ) -> None:
        self._models, self._purse, self._clean = models, Purse(tokens), clean

    async def create(self, scope: Any, receive: Any, send: Send) -> None:
        """POST /v1/messages."""
        request = Request(scope, receive)
        asked = read(await _json(request))
        token: Token = scope["state"][TOKEN]
        choice = choose(self._models, token, scope["headers"], asked.model)
        if self._models.relays(choice.account):
            await self._relayed(request, asked, choice, send)
        else:
            await self._answered(token, asked, choice, send)

    async def count(self, request: Request) -> Response:
        """POST /v1/messages/count_tokens: an estimate, made here; nothing leaves the machine."""
        asked = read(await _json(request), counting=True)
        weighed = [asked.body.get(part) for part in ("system", "messages", "tools")]
        return reply({"input_tokens": math.ceil(sum(map(_weight, weighed)))})

    async def models(self, request: Request) -> Response:
        """GET /v1/models: what the token's account has, on one page."""
        rows = [_row(card) for card in await self._cards(request)]
        ids = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]} if rows else {}
        return reply({"data": rows, "has_more": False, "first_id": None, "last_id": None, **ids})

    async def model(self, request: Request) -> Response:
        """GET /v1/models/{id}."""
        wanted = request.path_params["id"]
        for card in await self._cards(request):
            if card.id == wanted:
                return reply(_row(card))
        raise Refused(404, f"model: {wanted}")

    async def _cards(self, request: Request) -> list[ModelCard]:
        token: Token = request.scope["state"][TOKEN]
        choice = choose(self._models, token, request.scope["headers"], "")
        cards = await self._models.list(Ref("Account", choice.account))
        only = token.bound.models if token.bound is not None else ()
        return [card for card in cards if not only or card.id in only]

    async def _relayed(self, request: Request, asked: Asked, choice: Choice, send: Send) -> None:
        token: Token = request.scope["state"][TOKEN]
        body = asked.of(choice.model).text()
        relay = Relay(
            body=body, model=choice.model, max_tokens=asked.max_tokens, stream=asked.stream,
            headers={n: request.headers[n] for n in PASSED_ON if n in request.headers},
            account=choice.account, agent=_agent(token), request=_request_id(), timeout=TIMEOUT,
        )  # fmt: skip
        async with self._purse.opened(
            token, choice.spec, choice.model, tokens_in=bound(body), tokens_out=asked.max_tokens
        ) as bill:
            await pass_on(self._models, relay, bill, send)

    async def _answered(self, token: Token, asked: Asked, choice: Choice, send: Send) -> None:
        prompt = translation.read(asked.of(choice.model).text()).prompt
        call = Call(
            prompt, account=choice.account, agent=_agent(token), request=_request_id(),
            timeout=TIMEOUT,
        )  # fmt: skip
        async with self._purse.opened(
            token, choice.spec, choice.model,
            tokens_in=most_input(prompt), tokens_out=asked.max_tokens,
        ) as bill:  # fmt: skip
            if asked.stream:
                streaming = Streaming(call, send, shown=asked.model, clean=self._clean)
                await streaming.run(self._models, bill)
            else:
                await tell_whole(self._models, call, bill, send)


async def _json(request: Request) -> bytes:
    """The body. Refused (415) unless it says that it is JSON: a form post of a page cannot."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "content-type: must be application/json")
    return await request.body()


def _agent(token: Token) -> str:
    return token.bound.agent if token.bound is not None else ""


def _request_id() -> str:
    return f"req-{secrets.token_hex(12)}"


def _row(card: ModelCard) -> dict[str, Any]:
    return {
        "type": "model", "id": card.id, "display_name": card.name or card.id,
        "created_at": card.created or "1970-01-01T00:00:00Z",
    }  # fmt: skip


def _weight(value: Any) -> float:
    """Tokens of a part of a request, about."""
    match value:
        case str():
            return len(value.encode()) / BYTES_A_TOKEN
        case {"type": "image"}:
            return PICTURE
        case dict():
            return sum(_weight(name) + _weight(each) for name, each in value.items())
        case list():
            return sum(map(_weight, value))
        case None | bool():
            return 0
    return 1
