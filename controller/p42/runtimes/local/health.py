"""LocalHealth: whether a llama.cpp server answers on a port of this machine."""

from __future__ import annotations

import asyncio
from contextlib import suppress

PATIENCE = 3.0  # s; it takes 3 ms, and threads that compute may keep both cores busy
_ASKED = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


async def well(port: int) -> bool:
    """Ask `/health` of 127.0.0.1:`port`, without a key. Takes at most PATIENCE seconds.

    A connection to ourselves, which the ports of Linux allow where nobody listens, is not well: it
    says what we said.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(_ASKED)
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
