"""Listener: one port of a project, held on 127.0.0.1 and ::1, whoever answers it just now."""

from __future__ import annotations

import errno
import socket

BACKLOG = 1024  # connections that wait while a child starts; the kernel cuts it to somaxconn


class Listener:
    """Two listening sockets of one port. The keeper keeps them open until the unit is gone."""

    def __init__(self, sockets: tuple[socket.socket, ...]) -> None:
        self._sockets = sockets
        self.port: int = sockets[0].getsockname()[1]

    @classmethod
    def bind(cls, port: int) -> Listener:
        """Take `port` (0 = any free one) on both loopback addresses.

        OSError EADDRINUSE when either is taken: a squatter on ::1 would get half the clients.
        Without IPv6 on this machine, the IPv4 one alone.
        """
        first = _bound(socket.AF_INET, "127.0.0.1", port)
        try:
            second = _bound(socket.AF_INET6, "::1", first.getsockname()[1])
        except OSError as error:
            if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                return cls((first,))
            first.close()
            raise
        return cls((first, second))

    def filenos(self) -> tuple[int, ...]:
        """The descriptors, IPv4 first."""
        return tuple(sock.fileno() for sock in self._sockets)

    def close(self) -> None:
        """Give the port back. Connections that were accepted live on in their child."""
        for sock in self._sockets:
            sock.close()


def is_free(port: int) -> bool:
    """Whether `port` could be taken just now, on both addresses."""
    try:
        Listener.bind(port).close()
    except OSError:
        return False
    return True


def _bound(family: int, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        # Not SO_REUSEPORT: that would let a second program of this user share the port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
