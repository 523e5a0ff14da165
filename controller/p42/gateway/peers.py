"""Peers: whose program is at the other end of a local socket.

Another user of this machine can connect to 127.0.0.1; TCP carries no uid, but Linux shows the
owner of every socket in /proc/net/tcp. A socket whose owner has already closed it has inode 0
there and uid 0, whoever it was, and so counts as nobody's.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path

_TABLE = Path("/proc/net/tcp")
_UID, _INODE = 7, 9  # columns of /proc/net/tcp (proc_net_tcp.txt of the kernel)
_LOCAL_PEERCRED = 1  # macOS, sys/un.h; level SOL_LOCAL is 0
_XUCRED = 76  # bytes of struct xucred


def may_enter(uid: int | None) -> bool:
    """Ourselves and root; None = nobody's."""
    return uid is not None and uid in (os.geteuid(), 0)


def owner_of_unix(door: socket.socket) -> int | None:
    """The uid that called connect on this accepted AF_UNIX socket; None = the system is silent."""
    if hasattr(socket, "SO_PEERCRED"):
        _, uid, _ = struct.unpack("3i", door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(uid)
    if sys.platform == "darwin":
        return int(struct.unpack_from("=II", door.getsockopt(0, _LOCAL_PEERCRED, _XUCRED))[1])
    return None


def tells_tcp_owners() -> bool:
    """Whether this system shows whose a TCP socket is. Where not, loopback is the only guard."""
    return _TABLE.exists()


def owner_of_tcp(door: socket.socket) -> int | None:
    """The uid of the program at the other end of this accepted IPv4 loopback connection.

    None if it is gone, nobody's any more, or cannot be told. Reads the machine's whole table, 1 us
    a socket.
    """
    try:
        return owner_in(_TABLE.read_bytes(), door.getpeername(), door.getsockname())
    except OSError:  # it hung up while waiting to be accepted, or no descriptor is left to look
        return None


def owner_in(table: bytes, local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    """The uid of the socket `local` -> `remote` in the text of /proc/net/tcp."""
    start = table.find(b" %s %s " % (_address(*local), _address(*remote)))
    if start < 0:
        return None
    line = table[table.rfind(b"\n", 0, start) + 1 : table.find(b"\n", start)].split()
    return int(line[_UID]) if line[_INODE] != b"0" else None


def _address(host: str, port: int) -> bytes:
    """As the kernel prints it: the address as one native integer."""
    (number,) = struct.unpack("=I", socket.inet_aton(host))
    return b"%08X:%04X" % (number, port)
