"""Lineage: who descends from whom, and who is at the other end of a socket. By /proc."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

MOST = 1 << 18  # open files of all processes together; to look at so many takes a second


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


def holders(inodes: Collection[int]) -> dict[int, list[int]]:
    """The processes that have the sockets of these numbers open, by socket; blocking, some ms.

    What runs as another user, or has made itself undumpable, is not looked into, nor what is on its
    way from one to another (unix(7), SCM_RIGHTS): such a socket may have no holder here. Where more
    than MOST files are open none has. Raises OSError when /proc cannot be read.
    """
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, list[int]] = {inode: [] for inode in inodes}
    looked_at = 0
    for pid in filter(str.isdecimal, _names("/proc")):
        try:
            numbers = _names(f"/proc/{pid}/fd")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        looked_at += len(numbers)
        if looked_at > MOST:
            return {inode: [] for inode in inodes}
        for link in {_link(f"/proc/{pid}/fd/{number}") for number in numbers} & wanted.keys():
            found[wanted[link]].append(int(pid))
    return found


def _names(directory: str) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.name for entry in entries]


def _link(path: str) -> str:
    """Where it leads; "" = it was closed meanwhile."""
    try:
        return os.readlink(path)  # noqa: PTH115 - thousands of them; a Path takes longer than it
    except OSError:
        return ""
