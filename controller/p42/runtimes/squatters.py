"""Squatters: who listens on a port that should be ours."""

from __future__ import annotations

import errno

from p42.keeper.listener import Listener


def holder(port: int) -> str:
    """`nginx (pid 812)`, or `another user's program`; "" = it is free. Blocking: 20 ms if not."""
    try:
        Listener.bind(port).close()
    except OSError as error:
        return _found(port) if error.errno == errno.EADDRINUSE else ""
    return ""


def _found(port: int) -> str:
    import psutil  # 10 ms of a start, and most never meet a squatter

    found = [
        connection
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr
        and connection.laddr.port == port
    ]
    for connection in found:
        if connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return "another user's program" if found else "another program"
