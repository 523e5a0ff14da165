"""Keepers: the keeper of a home, seen from the command line: what a killed daemon left behind."""

from __future__ import annotations

import socket
from pathlib import Path

from p42.cli import processes
from p42.keeper.address import address
from p42.keeper.frames import encode
from p42.keeper.lineage import pid_of_peer

GRACE = 7.0  # s; its children have 5 to end


def end(home: str) -> bool:
    """End the keeper that lives under `home` and all it holds; whether there was one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(GRACE)
        try:
            with address(Path(home) / "run" / "keeper.sock") as where:
                link.connect(where)
            link.sendall(encode({"op": "end", "seq": 0}))
            pid = pid_of_peer(link)
            while link.recv(65536):
                pass
        except OSError:
            return False
    # What a process has open is closed a moment before it is gone.
    if pid:
        processes.has_ended(pid, within=GRACE)
    return True
