"""Peer: whose the other end of a loopback TCP connection is. Linux tells (sock_diag(7)).

TCP carries no credentials, but on one machine both ends are sockets of one kernel: the other end's
owner is asked for by its four numbers, in 0.1 ms however many sockets there are.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import NamedTuple

_NETLINK_SOCK_DIAG = 4
_BY_FAMILY = 20
_REQUEST = 1
_ERROR = 2
_HEAD = struct.Struct("=IHHII")
_ASK = struct.Struct("=BBBBI")
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8
_UID_AT = 4 + 48 + 12  # inet_diag_msg: four bytes, the socket id, then expires, rqueue, wqueue


class Peer(NamedTuple):
    """The socket at the other end: its owner's user id, and its number in /proc/PID/fd."""

    uid: int
    inode: int


def tells_owners() -> bool:
    """Whether this system shows whose a TCP socket is. Where not, loopback is the only guard."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG).close()
    except OSError:
        return False
    return True


def uid_of_peer(sock: socket.socket) -> int | None:
    """The user id that owns the other end of `sock`.

    None if it has hung up, is nobody's any more, or cannot be told.
    """
    peer = peer_of(sock)
    return None if peer is None else peer.uid


def peer_of(sock: socket.socket) -> Peer | None:
    """The other end of `sock`.

    None if it has hung up, is nobody's any more, or cannot be told. A socket whose owner has closed
    it shows uid 0 and inode 0, whoever it was: that is nobody, not root.
    """
    try:
        near, far = sock.getsockname(), sock.getpeername()
        return _ask(sock.family, far, near)
    except OSError:
        return None


def is_self(sock: socket.socket) -> bool:
    """Whether a connection reached itself: possible on ports a client may draw (RFC 793, 3.4)."""
    try:
        return bool(sock.getsockname() == sock.getpeername())
    except OSError:
        return False


def _ask(family: int, source: tuple[object, ...], target: tuple[object, ...]) -> Peer | None:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return None
    identity = struct.pack("!HH", source[1], target[1])
    for address in (source[0], target[0]):
        packed = socket.inet_pton(family, str(address).partition("%")[0])
        identity += packed.ljust(16, b"\0")
    identity += struct.pack("=I", 0) + _NO_COOKIE
    body = _ASK.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE) + identity
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as link:
        link.settimeout(1.0)
        link.send(_HEAD.pack(_HEAD.size + len(body), _BY_FAMILY, _REQUEST, 1, os.getpid()) + body)
        answer = link.recv(8192)
    kind = _HEAD.unpack_from(answer)[1]
    if kind == _ERROR or len(answer) < _HEAD.size + _UID_AT + 8:
        return None
    uid, inode = struct.unpack_from("=II", answer, _HEAD.size + _UID_AT)
    # No inode: its owner has closed it, and uid says nothing.
    return Peer(uid, inode) if inode else None
