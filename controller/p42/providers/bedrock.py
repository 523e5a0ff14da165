"""Bedrock: Anthropic's models on AWS, through the same SDK, with a Bedrock key or AWS's own.

The key is a Bedrock API key, or `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`, which signs
each request. The region is that of `baseUrl` (`https://bedrock-runtime.REGION.amazonaws.com`),
else AWS_REGION. Events come in AWS frames, which the SDK reads with botocore: an extra.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import AsyncGenerator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from p42.model.completion import ModelCard, Piece, Prompt
from p42.model.errors import Blocked
from p42.providers.anthropic import streamed
from p42.providers.border import Border
from p42.providers.bounds import most_input
from p42.providers.faults import Faults
from p42.providers.pool import pool

if TYPE_CHECKING:
    from anthropic import AsyncAnthropicBedrock

ID_HEADER = "x-amzn-requestid"
RUNTIME = re.compile(r"^bedrock-runtime(-fips)?\.([a-z0-9-]+)\.amazonaws\.com$")
_REGION = re.compile(r"^[a-z]{2}(-[a-z]+)+-[0-9]+$")
# An access key id (permanent, or of a session) and what belongs to it.
_PAIR = re.compile(r"^((?:AKIA|ASIA)[A-Z0-9]{12,}):([^:]+)(?::(.+))?$")


def open_bedrock(account: Mapping[str, Any], key: str, *, url: str | None) -> BedrockProvider:
    """The provider of an account on Bedrock. Blocked without its extra, or without a region."""
    from p42.providers.tls import trust

    pair = _PAIR.match(key)
    needed = ("botocore", "boto3") if pair else ("botocore",)
    if any(find_spec(name) is None for name in needed):
        raise Blocked("provider bedrock needs an extra: run `pip install 'p42[bedrock]'`")
    if pair and "AWS_BEARER_TOKEN_BEDROCK" in os.environ:  # the SDK takes it, and refuses both
        raise Blocked("AWS_BEARER_TOKEN_BEDROCK is set beside the account's own key; unset it")
    region = _region(url)
    base_url = url or f"https://bedrock-runtime.{region}.amazonaws.com"
    return BedrockProvider(
        key=key,
        pair=(pair[1], pair[2], pair[3]) if pair else None,
        region=region,
        base_url=base_url,
        trust=trust(account.get("tls"), url=base_url),
    )


class BedrockProvider:
    """A model.models.Provider."""

    def __init__(
        self,
        *,
        key: str,
        pair: tuple[str, str, str | None] | None,
        region: str,
        base_url: str,
        trust: ssl.SSLContext,
    ) -> None:
        from anthropic import AnthropicError, AsyncAnthropicBedrock
        from botocore.eventstream import ParserError  # type: ignore[import-untyped]

        host = urlsplit(base_url).netloc
        auth: dict[str, str | None] = {} if pair else {"authorization": f"Bearer {key}"}
        self._http = pool(base_url, context=trust, auth=auth)
        access, hidden, session = pair or (None, None, None)
        self._client: AsyncAnthropicBedrock = AsyncAnthropicBedrock(
            aws_access_key=access,
            aws_secret_key=hidden,
            aws_session_token=session,
            api_key=None if pair else "held-by-the-pool",
            aws_region=region,
            base_url=base_url,
            http_client=self._http,
            max_retries=0,
        )
        secret = hidden or key
        faults = Faults("Bedrock", host, secret)
        self._border = Border(faults, AnthropicError, ID_HEADER, decoding=ParserError)
        self._listing = _control(base_url)

    def stream(self, prompt: Prompt) -> AsyncGenerator[Piece]:
        return streamed(self._client, self._border, prompt)

    def most_input(self, prompt: Prompt) -> int:
        return most_input(prompt)

    async def models(self) -> tuple[ModelCard, ...]:
        return await self._list()

    async def check(self) -> None:
        await self._list(checking=True)

    async def close(self) -> None:
        await self._http.aclose()

    async def _list(self, *, checking: bool = False) -> tuple[ModelCard, ...]:
        """Anthropic's models in this region (ListFoundationModels, of the control plane)."""
        with self._border.errors(during="check" if checking else "ask"):
            listed: Any = await self._client.get(self._listing, cast_to=object)
        found = listed.get("modelSummaries") if isinstance(listed, Mapping) else None
        cards = [_card(one) for one in found or () if isinstance(one, Mapping)]
        return tuple(sorted((card for card in cards if card.id), key=lambda card: card.id))


def _card(model: Mapping[str, Any]) -> ModelCard:
    return ModelCard(id=str(model.get("modelId") or ""), name=str(model.get("modelName") or ""))


def _control(base_url: str) -> str:
    """Where models are listed: beside the runtime on AWS; in the same place elsewhere."""
    parts = urlsplit(base_url)
    runtime = RUNTIME.match(parts.netloc)
    base = f"https://bedrock.{runtime[2]}.amazonaws.com" if runtime else base_url.rstrip("/")
    return f"{base}/foundation-models?byProvider=anthropic"


def _region(url: str | None) -> str:
    """The region in `url`, else the environment's."""
    runtime = RUNTIME.match(urlsplit(url).netloc) if url else None
    region = runtime[2] if runtime else os.environ.get("AWS_REGION", "")
    if url is not None and not region:
        return "us-east-1"  # signs for a server of one's own, which says no region
    if not _REGION.match(region):
        message = "baseUrl: https://bedrock-runtime.REGION.amazonaws.com tells bedrock its region"
        raise Blocked(f"the region is not known; {message}")
    return region
