"""Sockets: 127.0.0.1 and ::1 on one port, or none at all.

Both, because whoever asks for `localhost` may get either: on the one that is not ours another
program could take the client's token. Literal addresses, for the name could lead anywhere; never
SO_REUSEPORT, with which a second program could stand beside us.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket

from p42.keeper.peer import tells_owners, uid_of_peer

HOST, HOST6 = "127.0.0.1", "::1"
BACKLOG = 128
DRAWS = 16  # tries for a number that is free on both, where any will do
_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})


def listen(port: int) -> list[socket.socket]:
    """The listening sockets of `port`, 0 = any free one. OSError when it is not to be had."""
    for _ in range(DRAWS if port == 0 else 1):
        first = _bound(socket.AF_INET, HOST, port)
        try:
            second = _second(first.getsockname()[1])
        except OSError:
            first.close()
            if port:
                raise
            continue
        return [first] if second is None else [first, second]
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def is_ours(client: socket.socket) -> bool:
    """Whether the program at the other end is this user's or root's, where the system tells."""
    return not tells_owners() or uid_of_peer(client) in (os.geteuid(), 0)


def answer_at_once(client: socket.socket) -> None:
    """No Nagle: events of a stream would wait 40 ms for the client's delayed ACK."""
    with contextlib.suppress(OSError):  # it hung up; the next read will say so
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def trouble(port: int, error: OSError) -> str:
    """Why `port` is not to be had, and what to do."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is refused by the system; set http.port to one above 1023"
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is taken by another program (ss -ltnp 'sport = :{port}' shows it); end "
            "it or set http.port"
        )
    return f"port {port}: {error.strerror or error}"


def _second(port: int) -> socket.socket | None:
    """The same port on ::1; None where this machine has no such address."""
    try:
        return _bound(socket.AF_INET6, HOST6, port)
    except OSError as error:
        if error.errno in _NO_SUCH_ADDRESS:
            return None
        raise


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        # On Linux only over TIME_WAIT, never over a listener.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
