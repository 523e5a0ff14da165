"""Lineage: who descends from whom, and who is at the other end of a Unix socket. By /proc."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path


def lineage(pid: int) -> Iterator[int]:
    """`pid`, its parent, and so on up, as far as can be told."""
    while pid > 0:
        yield pid
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return
        # The name may hold spaces and brackets; what follows the last bracket may not.
        pid = int(stat.rpartition(")")[2].split()[1])


def pid_of_peer(sock: socket.socket) -> int:
    """Who connected this AF_UNIX socket; 0 where the system does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    return int(struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
