"""Squatters: who listens on a port that should be ours."""

from __future__ import annotations

import socket

import psutil


def holder(port: int) -> str:
    """`nginx (pid 812)`, or `another user's program`; "" = nobody listens there. Blocking."""
    found = [
        connection
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr
        and connection.laddr.port == port
    ]
    for connection in found:
        if connection.pid:
            return _named(connection.pid)
    return "another user's program" if found else ("" if _can_bind(port) else "another program")


def _named(pid: int) -> str:
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        return f"pid {pid}"


def _can_bind(port: int) -> bool:
    """A port may be bound without a listener: /proc shows nobody, the kernel refuses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return True  # that is another complaint, made when it is declared
        except OSError:
            return False
    return True
