"""Pool: one HTTP client per account: its connections, its key, and what it refuses to do.

Guarantees: the account's own credentials are put on every request last, over whatever an SDK or
the environment (ANTHROPIC_CUSTOM_HEADERS, OPENAI_ADMIN_KEY, ...) put there; no redirect is
followed, so that a key never goes to an address nobody declared; plain http never goes through a
proxy; no answer is longer than MOST_BYTES.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

MOST_BYTES = 64 << 20  # of one answer; the longest there is (128k tokens, an event each) is 40 MiB
CONNECT = 10.0  # s; a vendor that does not shake hands by then is down
SILENCE = 300.0  # s without a byte; models think for minutes, the caller's deadline is shorter
CONNECTIONS = 256  # at once; `rateLimit.concurrent` is the limit that is meant
KEPT = 16  # idle connections kept open between calls
KEPT_FOR = 30.0  # s; shorter than what vendors' load balancers keep (60 s), so none is half closed


def pool(
    base_url: str, *, context: ssl.SSLContext, auth: Mapping[str, str | None], kept: int = KEPT
) -> httpx2.AsyncClient:
    """A client for `base_url`. `auth`: headers each request gets, or loses where it is None.

    `kept`: idle connections kept open.
    """
    import httpx2

    async def credentials(request: httpx2.Request) -> None:
        for name, value in auth.items():
            request.headers.pop(name, None)
            if value is not None:
                request.headers[name] = value

    async def bounds(response: httpx2.Response) -> None:
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _bounded(response.stream)

    return httpx2.AsyncClient(
        verify=context,
        follow_redirects=False,
        trust_env=base_url.startswith("https:"),
        timeout=httpx2.Timeout(SILENCE, connect=CONNECT, pool=None),
        limits=httpx2.Limits(
            max_connections=CONNECTIONS,
            max_keepalive_connections=kept,
            keepalive_expiry=KEPT_FOR,
        ),
        event_hooks={"request": [credentials], "response": [bounds]},
    )


def _bounded(stream: httpx2.AsyncByteStream) -> httpx2.AsyncByteStream:
    """`stream`, ending with RemoteProtocolError once it is too long."""
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            came = 0
            async for chunk in stream:
                came += len(chunk)
                if came > MOST_BYTES:
                    raise httpx2.RemoteProtocolError(f"answer is longer than {MOST_BYTES} bytes")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()
