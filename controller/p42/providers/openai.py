"""OpenAI: chat completions over OpenAI's SDK: OpenAI, Groq, Ollama, any compatible, and `local`.

The Chat Completions API, not Responses: it is what all of them speak. Loads the SDK (some 0.5 s):
open it in a thread where that matters.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from p42.model.completion import ModelCard, Piece, Prompt
from p42.providers.border import Border, Events
from p42.providers.bounds import most_input
from p42.providers.faults import Faults
from p42.providers.openai_wire import ChunkReader, Limit, request
from p42.providers.pool import KEPT, pool

if TYPE_CHECKING:
    from openai import AsyncOpenAI

END_OF_CENTURY = 4_102_444_800  # s since 1970
MOST_MODELS = 10_000  # a vendor that lists more is not listing models


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one vendor of the family differs. `url` "": has to be given."""

    name: str
    url: str = ""
    limit: Limit = "max_tokens"
    lists: bool = True  # False: may not have /models, so that a 404 there says nothing
    kept: int = KEPT  # idle connections
    most: int | None = None  # tokens of an answer, whatever is asked for
    trims: bool = False  # its answers go on behind a colon, with a blank


DIALECTS = {
    # OpenAI's reasoning models refuse max_tokens; the others mostly know only that.
    "openai": Dialect("OpenAI", "https://api.openai.com/v1", limit="max_completion_tokens"),
    "groq": Dialect("Groq", "https://api.groq.com/openai/v1", limit="max_completion_tokens"),
    "ollama": Dialect("Ollama", "http://127.0.0.1:11434/v1"),
    "openai-compatible": Dialect("the provider", lists=False),
    # llama.cpp closes after each stream without a word; small models hardly end by themselves.
    "local": Dialect("the local model", kept=0, most=256, trims=True),
}


class OpenAIProvider:
    """A model.models.Provider."""

    def __init__(
        self, dialect: Dialect, *, key: str | None, base_url: str, host: str, trust: ssl.SSLContext
    ) -> None:
        from openai import AsyncOpenAI, OpenAIError

        bearer = None if key is None else f"Bearer {key}"
        auth: dict[str, str | None] = {"authorization": bearer}
        if dialect.name != "OpenAI":  # the SDK takes them from OPENAI_ORG_ID and _PROJECT_ID
            auth |= {"openai-organization": None, "openai-project": None}
        self._dialect = dialect
        self._http = pool(base_url, context=trust, auth=auth, kept=dialect.kept)
        # The pool puts the key on; without any the SDK would look for one in the environment.
        self._client: AsyncOpenAI = AsyncOpenAI(
            api_key="held-by-the-pool", base_url=base_url, http_client=self._http, max_retries=0
        )
        self._border = Border(Faults(dialect.name, host, key), OpenAIError, "x-request-id")

    def stream(self, prompt: Prompt) -> AsyncGenerator[Piece]:
        most = self._dialect.most
        if most is not None:
            prompt = replace(prompt, max_tokens=min(prompt.max_tokens, most))
        body: Any = request(prompt, limit=self._dialect.limit)

        async def begin() -> Events:
            events: Events = await self._client.chat.completions.create(stream=True, **body)
            return events

        return self._border.answer(begin, ChunkReader(prompt, trims=self._dialect.trims))

    def most_input(self, prompt: Prompt) -> int:
        return most_input(prompt)

    async def models(self) -> tuple[ModelCard, ...]:
        with self._border.errors():
            page = await self._client.models.list()
        cards = [_card(one) for one in (page.data or ())[:MOST_MODELS]]
        return tuple(sorted((card for card in cards if card.id), key=lambda card: card.id))

    async def check(self) -> None:
        from openai import NotFoundError

        with self._border.errors(during="check"):
            try:
                await self._client.models.list()
            except NotFoundError:
                if self._dialect.lists:
                    raise

    async def close(self) -> None:
        await self._http.aclose()


def _card(model: Any) -> ModelCard:
    """A listed model; fields beside OpenAI's own are Groq's and others'."""
    context = getattr(model, "context_window", None)
    most = getattr(model, "max_completion_tokens", None)
    return ModelCard(
        id=str(getattr(model, "id", "") or ""),
        context=context if type(context) is int else 0,
        most_output=most if type(most) is int else 0,
        created=_day(getattr(model, "created", None)),
    )


def _day(created: object) -> str:
    """The UTC day of seconds since 1970; "" for what is none (some servers say 0 or nothing)."""
    if type(created) is not int or not 0 < created < END_OF_CENTURY:
        return ""
    return datetime.fromtimestamp(created, UTC).date().isoformat()
