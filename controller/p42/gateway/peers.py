"""Peers: who may enter. Another user of this machine can connect to 127.0.0.1 as well.

Whose a TCP connection is, Linux tells (keeper/peer.py); whose a Unix one is, every system does.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

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
