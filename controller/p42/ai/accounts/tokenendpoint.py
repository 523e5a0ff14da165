"""TokenEndpoint: one renewal of an OAuth 2 token (RFC 6749, section 6) over HTTP."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from p42.model.errors import Blocked, P42Error, Retry
from p42.stores.keys.tokencache import TokenSet, renewed

if TYPE_CHECKING:
    import httpx2

DEADLINE = 10.0  # s for one try, name look-up and all
LONGEST = 64 * 1024  # bytes of an answer; tokens are a few hundred
# RFC 6749, 5.2: only these words are repeated. What else a server says may hold what it was sent.
_WORDS = frozenset({"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
                    "unsupported_grant_type", "invalid_scope"})  # fmt: skip
_PASSES = frozenset({408, 425, 429})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


async def renew(reference: str, tokens: TokenSet, *, now: Callable[[], float]) -> TokenSet:
    """`tokens` renewed; `now` is the wall clock.

    Retry (ProviderDown) for what passes; Blocked (KeyRejected) where the server refuses for good.
    """
    import httpx2  # only machines with such tokens pay for it

    host = _host(tokens.url)
    place = f"{reference}: renewing its token at {host or 'token_url'}"
    _check(place, tokens.url, host)
    sent_at = now()  # its life is counted from before the question: rather too short than too long
    try:
        async with asyncio.timeout(DEADLINE), await _client(tokens.url) as client:
            status, body = await _post(client, tokens)
    except TimeoutError:
        raise Retry(f"{place}: no answer in {DEADLINE:g} s", reason="ProviderDown") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        kind = type(error).__name__  # its text may quote the request
        raise Retry(f"{place}: failed ({kind})", reason="ProviderDown") from None
    answer = _object(body)
    if status == 200 and "error" not in answer:  # some say 200 and mean 400
        found = renewed(tokens, answer, sent_at) if _is_bearer(answer) else None
        if found is None:
            raise Retry(f"{place}: the answer holds no token", reason="ProviderDown")
        return found
    raise _refusal(place, status, answer)


def _check(place: str, url: str, host: str) -> None:
    if url.startswith("https://") and host:
        return
    if not (url.startswith("http://") and host in _LOOPBACK):
        raise Blocked(
            f"{place}: token_url must be https, or http to this machine only", reason="KeyRejected"
        )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


async def _client(url: str) -> httpx2.AsyncClient:
    import httpx2

    # The system's authorities take tens of milliseconds to load: not in the loop.
    secure = url.startswith("https://")
    trust: Any = await asyncio.to_thread(ssl.create_default_context) if secure else False
    return httpx2.AsyncClient(
        timeout=DEADLINE, follow_redirects=False, verify=trust, trust_env=secure
    )


async def _post(client: httpx2.AsyncClient, tokens: TokenSet) -> tuple[int, bytes]:
    form = {"grant_type": "refresh_token"}
    if tokens.refresh is not None:
        form["refresh_token"] = tokens.refresh.reveal()
    if scope := tokens.rest.get("scope"):
        form["scope"] = str(scope)
    auth = None
    if tokens.client_secret is None:
        form["client_id"] = tokens.client_id
    elif tokens.rest.get("client_auth") == "post":
        form |= {"client_id": tokens.client_id, "client_secret": tokens.client_secret.reveal()}
    else:  # RFC 6749, 2.3.1: encoded before they are joined
        auth = (quote(tokens.client_id, safe=""), quote(tokens.client_secret.reveal(), safe=""))
    accept = {"accept": "application/json"}
    request = client.build_request("POST", tokens.url, data=form, headers=accept)
    response = await client.send(request, auth=auth, stream=True)
    try:
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > LONGEST:
                return 502, b""  # as if the server had failed, which it has
        return response.status_code, body
    finally:
        await response.aclose()


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)  # not orjson: a server's NaN must not cost a token it has changed
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_bearer(answer: Mapping[str, Any]) -> bool:
    """Any other kind needs proofs with each request, which no provider of ours makes."""
    return str(answer.get("token_type", "bearer")).lower() == "bearer"


def _refusal(place: str, status: int, answer: Mapping[str, Any]) -> P42Error:
    if status >= 500 or status in _PASSES:
        return Retry(f"{place}: it answers {status}", reason="ProviderDown")
    word = answer.get("error")
    why = word if isinstance(word, str) and word in _WORDS else f"status {status}"
    return Blocked(
        f"{place}: refused ({why}); `p42 account login NAME` with a new token",
        reason="KeyRejected",
    )
