"""Anthropic: the Messages API over Anthropic's SDK, and the relay of raw Messages requests.

Loads the SDK (some 0.6 s): open it in a thread where that matters.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from p42.model.completion import ModelCard, Piece, Prompt
from p42.model.errors import Blocked
from p42.providers.anthropic_wire import MessageReader, request
from p42.providers.border import Border, Events
from p42.providers.bounds import most_input
from p42.providers.faults import Faults
from p42.providers.pool import pool
from p42.providers.relay import Door, Relayed, answered, asked

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, AsyncAnthropicBedrock

    Client = AsyncAnthropic | AsyncAnthropicBedrock

URL = "https://api.anthropic.com"
ID_HEADER = "request-id"
OAUTH = "sk-ant-oat"  # how the tokens of a login begin; they need a beta of their own
OAUTH_BETA = "oauth-2025-04-20"
PAGE = 1000  # models; the API's most, so that there is one page
MOST_MODELS = 10_000


class AnthropicProvider:
    """A model.models.Provider, and a providers.relay.Relay."""

    def __init__(self, *, key: str, base_url: str, host: str, trust: ssl.SSLContext) -> None:
        from anthropic import AnthropicError, AsyncAnthropic

        # As the SDK sends it; `x-api-key` too would be a second identity.
        auth = {"authorization": f"Bearer {key}", "x-api-key": None}
        self._betas = (OAUTH_BETA,) if key.startswith(OAUTH) else ()
        self._base = base_url.rstrip("/")
        self._http = pool(base_url, context=trust, auth=auth)
        self._client: AsyncAnthropic = AsyncAnthropic(
            api_key="held-by-the-pool",
            base_url=base_url,
            http_client=self._http,
            max_retries=0,
            default_headers={"anthropic-beta": OAUTH_BETA} if self._betas else None,
        )
        self._border = Border(Faults("Anthropic", host, key), AnthropicError, ID_HEADER)

    def stream(self, prompt: Prompt) -> AsyncGenerator[Piece]:
        return streamed(self._client, self._border, prompt)

    def most_input(self, prompt: Prompt) -> int:
        return most_input(prompt)

    async def models(self) -> tuple[ModelCard, ...]:
        cards = []
        with self._border.errors():
            async for model in self._client.models.list(limit=PAGE):
                cards.append(_card(model))
                if len(cards) == MOST_MODELS:
                    break
        return tuple(sorted(cards, key=lambda card: card.id))

    async def check(self) -> None:
        with self._border.errors(during="check"):
            await self._client.models.list(limit=1)

    async def relay(
        self, body: bytes, headers: Mapping[str, str], *, door: Door = "/v1/messages"
    ) -> Relayed:
        """See providers.relay.Relay."""
        with self._border.errors():
            url = f"{self._base}{door}?beta=true"
            ours = asked(headers, betas=self._betas)
            sent = self._http.build_request("POST", url, content=body, headers=ours)
            response = await self._http.send(sent, stream=True)
        return answered(response, self._border)

    async def close(self) -> None:
        await self._http.aclose()


def streamed(client: Client, border: Border, prompt: Prompt) -> AsyncGenerator[Piece]:
    """The answer to `prompt`, by whichever client of the SDK. Blocked for a shape it cannot do."""
    from anthropic import transform_schema

    try:
        body: Any = request(prompt, shape=lambda schema: transform_schema(dict(schema)))
    except (ValueError, TypeError, AssertionError) as error:
        raise Blocked(f"the answer's shape is nothing Anthropic's models follow: {error}") from None

    # The SDK does not take what newer models refuse (`temperature`); older ones have it.
    extra = {name: body.pop(name) for name in ("temperature",) if name in body}

    async def begin() -> Events:
        events: Events = await client.messages.create(stream=True, extra_body=extra, **body)
        return events

    return border.answer(begin, MessageReader(most=prompt.max_tokens))


def _card(model: Any) -> ModelCard:
    context = getattr(model, "max_input_tokens", None)
    most = getattr(model, "max_tokens", None)
    created = getattr(model, "created_at", None)
    return ModelCard(
        id=str(model.id),
        name=str(getattr(model, "display_name", "") or ""),
        context=context if type(context) is int else 0,
        most_output=most if type(most) is int else 0,
        created=str(created)[:10] if created else "",
    )
