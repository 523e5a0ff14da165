"""Relay: a raw Messages API request, passed on with the account's real key.

For `/v1/messages`, where a process agent speaks the API itself: what it asks and hears is not
translated, so that betas, images and thinking go through; only credentials are replaced, and only
the headers that belong to the API are passed on, either way.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from p42.providers.border import Border

if TYPE_CHECKING:
    import httpx2

Door = Literal["/v1/messages", "/v1/messages/count_tokens"]
VERSION = "2023-06-01"
_ASKED = ("anthropic-version", "anthropic-beta", "accept", "content-type")
_ANSWERED = ("content-type", "request-id", "retry-after", "retry-after-ms")
_LIMITS = "anthropic-ratelimit-"


@dataclass(frozen=True, slots=True)
class Relayed:
    """A vendor's raw answer. `chunks` has to be read to its end or closed (`aclosing`); it raises
    Cut when the connection is lost. `headers` in lower case."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncGenerator[bytes]


@runtime_checkable
class Relay(Protocol):
    """A provider that passes Messages API requests on as they are."""

    async def relay(
        self, body: bytes, headers: Mapping[str, str], *, door: Door = "/v1/messages"
    ) -> Relayed:
        """Ask with `body`. `headers`: the asker's, names in any case; only the API's are kept.

        An answer of any status is handed back, also a refusal. Raises Retry (ProviderDown) or
        Blocked where there is none. Never tries again.
        """


def asked(headers: Mapping[str, str], *, betas: Sequence[str]) -> dict[str, str]:
    """The asker's headers that go to the vendor, with `betas` added to those it wants."""
    lower = {name.lower(): value for name, value in headers.items()}
    kept = {name: lower[name] for name in _ASKED if name in lower}
    kept.setdefault("anthropic-version", VERSION)
    kept["content-type"] = "application/json"
    kept["accept-encoding"] = "identity"  # the body is passed on as it comes
    wanted = [*filter(None, [kept.get("anthropic-beta")]), *betas]
    if wanted:
        kept["anthropic-beta"] = ",".join(wanted)
    return kept


def answered(response: httpx2.Response, border: Border) -> Relayed:
    """The vendor's answer with the headers that are the asker's business."""
    headers = {
        name: value
        for name, value in response.headers.items()
        if name in _ANSWERED or name.startswith(_LIMITS)
    }
    passing = _chunks if response.is_success else _refusal
    return Relayed(response.status_code, headers, passing(response, border))


async def _refusal(response: httpx2.Response, border: Border) -> AsyncGenerator[bytes]:
    """A refusal in one piece: it may quote the account's key, which is not the asker's."""
    try:
        with border.errors(answer=_Begun()):
            said = await response.aread()
    finally:
        await response.aclose()
    yield border.faults.masked(said.decode(errors="replace")).encode()


async def _chunks(response: httpx2.Response, border: Border) -> AsyncGenerator[bytes]:
    try:
        with border.errors(answer=_Begun()):
            async for chunk in response.aiter_bytes():
                yield chunk
    finally:
        await response.aclose()


class _Begun:
    """An answer that has begun; what it said and cost is known to who reads along."""

    begun = True
    said = ""
    counted = None
