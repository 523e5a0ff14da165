"""Control: the socket the CLI talks to, `run/p42.sock`, for this user alone."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from p42.api.verbs import AnyVerb
from p42.gateway.dispatch import Dispatch
from p42.gateway.door import BACKLOG, Door
from p42.gateway.limits import Limits, most_connections
from p42.gateway.peers import may_enter, owner_of_unix
from p42.gateway.unsure import ASKS, Everyone, Tells, chooser
from p42.model.faults import fault
from p42.model.ports import World
from p42.model.verb import Door as Where
from p42.model.verb import Effect
from p42.stores.keys.redaction import Redactor

LONGEST_PATH = 100  # bytes; sun_path holds 108 on Linux, 104 on macOS


async def serve_control(
    world: World, *, standing: Tells | None = None, redactor: Redactor | None = None
) -> None:
    """Serve `run/p42.sock` until cancelled; the file goes with it.

    `standing` tells what a client is; None: all are people. `redactor` as Dispatch.

    The caller holds the home's lock: a socket file that is there was left by a crash. Raises Retry
    or Blocked when it cannot be made.
    """
    path = world.home / "run" / "p42.sock"
    with _bound(path) as listener:
        limits = Limits(deadlines=None, connections=most_connections())
        by_word = {
            word: Dispatch(world, Where.CONTROL, forbids=forbids, redactor=redactor)
            for word, forbids in MAY.items()
        }
        chooses = chooser(by_word, standing or Everyone())
        await Door(by_word["person"], limits, admits=_admits, chooses=chooses).run(listener)


def _not_a_person(verb: AnyVerb) -> str:
    if verb.effect is Effect.PERSON or verb.private:
        return f"{verb.name} is for a person; this program was started by p42 itself; {ASKS}"
    return ""


def _a_companion(verb: AnyVerb) -> str:
    return "" if verb.name == "answer" else f"a companion may not ask for {verb.name}"


# Whoever descends from the keeper was started by p42: it may not act as the person.
MAY: dict[str, Callable[[AnyVerb], str]] = {
    "person": lambda _: "", "program": _not_a_person, "companion": _a_companion,
}  # fmt: skip


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
