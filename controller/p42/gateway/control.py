"""Control: the socket the CLI talks to, `run/p42.sock`, for this user alone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p42.gateway.dispatch import Dispatch
from p42.gateway.door import BACKLOG, Door
from p42.gateway.limits import Limits, most_connections
from p42.gateway.peers import may_enter, owner_of_unix
from p42.model.faults import fault
from p42.model.ports import World
from p42.model.verb import Door as Where

LONGEST_PATH = 100  # bytes; sun_path holds 108 on Linux, 104 on macOS


async def serve_control(world: World) -> None:
    """Serve `run/p42.sock` until cancelled; the file goes with it.

    The caller holds the home's lock: a socket file that is there was left by a crash. Raises Retry
    or Blocked when it cannot be made.
    """
    path = world.home / "run" / "p42.sock"
    with _bound(path) as listener:
        dispatch = Dispatch(world, Where.CONTROL)
        limits = Limits(deadlines=None, connections=most_connections())
        await Door(dispatch, limits, admits=_admits).run(listener)


def _admits(client: socket.socket) -> bool:
    return may_enter(owner_of_unix(client))


@contextmanager
def _bound(path: Path) -> Iterator[socket.socket]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        _bind(listener, path)
        path.chmod(0o600)  # its directory is 0700: nobody could slip in before
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise fault(error, str(path)) from error
    try:
        yield listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)


def _bind(listener: socket.socket, path: Path) -> None:
    if len(os.fsencode(path)) <= LONGEST_PATH:
        listener.bind(str(path))
        return
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)  # too long for sun_path
    try:
        listener.bind(f"/proc/self/fd/{handle}/{path.name}")
    finally:
        os.close(handle)
