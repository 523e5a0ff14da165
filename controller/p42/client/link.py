"""Link: ask the daemon something over the control socket. Blocking; two modules deep.

It lies on the path of every `p42 get`, where start-up time is what a user waits for: it imports
socket and json, and what only an error needs is imported when there is one.

    ask(home, "overview", {})                     -> the reply's data
    for line in stream(home, "apply", {...}):     -> {"stream": {...}} ..., last {"data": {...}}

A `code` in the data is the exit code of CONTRACT.md where the answer is more than done (2 = drift).
"""

from __future__ import annotations

import errno
import json
import os
import socket

TYPE_CHECKING = False  # typing itself would cost more than the rest of this file
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from p42.model.errors import P42Error

SOCKET = "run/p42.sock"  # under the home
CONNECT_TIMEOUT = 5.0  # s; a local connect is refused or taken at once, unless the daemon hangs
MOST = 1 << 20  # bytes of a request; CONTRACT "Wires"
LONGEST_PATH = 100  # bytes; sun_path holds 108 on Linux, 104 on macOS
# Nobody there: no file, a file without a listener, no home.
_ABSENT = frozenset({errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR})


def ask(
    home: str, verb: str, payload: Mapping[str, Any], *, timeout: float | None = None
) -> dict[str, Any]:
    """The data of one reply ({} if it has none).

    `timeout` in seconds until the reply, None = as long as it takes. Raises NoDaemon when none
    listens, TimedOut, and otherwise what the reply says: InvalidInput with its diagnostics for code
    3, a P42Error whose `code` is the reply's.
    """
    for line in _lines(home, _request(verb, payload, streamed=False), timeout):
        return _data(line)
    raise _broken_off()


def stream(
    home: str, verb: str, payload: Mapping[str, Any], *, timeout: float | None = None
) -> Iterator[dict[str, Any]]:
    """`{"stream": {...}}` for each part as it comes, and `{"data": {...}}` last.

    `timeout` in seconds bounds the silence between two lines. Raises as `ask` does. Closing the
    iterator closes the connection, and with it the request.
    """
    for line in _lines(home, _request(verb, payload, streamed=True), timeout):
        if "stream" in line:
            yield {"stream": line["stream"]}
        else:
            yield {"data": _data(line)}
            return
    raise _broken_off()


def is_up(home: str) -> bool:
    """Whether a daemon listens under `home`."""
    from p42.model.errors import NoDaemon

    try:
        _connect(home).close()
    except NoDaemon:
        return False
    return True


def _request(verb: str, payload: Mapping[str, Any], *, streamed: bool) -> bytes:
    body: dict[str, Any] = {"type": verb, "id": f"cli-{os.getpid()}", "payload": payload}
    if streamed:
        body["stream"] = True
    try:
        request = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # Python escapes such bytes of an argument
        from p42.model.errors import InvalidInput

        raise InvalidInput("an argument is no UTF-8 text; nothing was sent") from None
    if len(request) > MOST:
        from p42.model.errors import InvalidInput

        raise InvalidInput("this is more than 1 MiB, the most a request may hold; put it in files")
    return request


def _lines(home: str, request: bytes, timeout: float | None) -> Iterator[dict[str, Any]]:
    from_daemon = _connect(home)
    with from_daemon, from_daemon.makefile("rb") as replies:
        try:
            from_daemon.settimeout(timeout)
            from_daemon.sendall(request)
            for line in replies:
                yield json.loads(line)
        except TimeoutError:
            raise _timed_out(timeout) from None
        except (ConnectionError, json.JSONDecodeError):
            return


def _connect(home: str) -> socket.socket:
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door.settimeout(CONNECT_TIMEOUT)
    try:
        _reach(door, os.path.join(home, SOCKET))  # noqa: PTH118 - pathlib costs 8 ms to import
    except OSError as error:
        door.close()
        raise _no_daemon(home, error) from None
    return door


def _reach(door: socket.socket, path: str) -> None:
    if len(os.fsencode(path)) <= LONGEST_PATH or not os.path.isdir("/proc/self/fd"):  # noqa: PTH112
        door.connect(path)
        return
    directory, name = os.path.split(path)  # too long for sun_path: by way of its directory's fd
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        door.connect(f"/proc/self/fd/{handle}/{name}")
    finally:
        os.close(handle)


def _data(line: dict[str, Any]) -> dict[str, Any]:
    if line.get("success"):
        return line.get("data") or {}
    raise _refused(line)


def _refused(line: dict[str, Any]) -> P42Error:
    from p42.model import errors
    from p42.model.diagnostic import Diagnostic

    text, code = str(line.get("error", "")), int(line.get("code", errors.Exit.FAILED))
    if code == errors.Exit.INVALID:
        found = tuple(Diagnostic(**each) for each in line.get("diagnostics", ()))
        return errors.InvalidInput(text, diagnostics=found)
    return {errors.Exit.TIMEOUT: errors.TimedOut}.get(code, errors.P42Error)(text)


def _no_daemon(home: str, error: OSError) -> P42Error:
    from p42.model.errors import NoDaemon, P42Error

    if error.errno in _ABSENT:
        return NoDaemon(f"no p42 daemon runs under {home}; start it with: p42 start")
    if isinstance(error, TimeoutError):
        return P42Error(f"the daemon under {home} does not answer; see: p42 logs daemon")
    return P42Error(f"cannot reach the daemon at {home}/{SOCKET}: {error.strerror or error}")


def _timed_out(timeout: float | None) -> P42Error:
    from p42.model.errors import TimedOut

    return TimedOut(f"no answer from the daemon within {timeout:g} s")


def _broken_off() -> P42Error:
    from p42.model.errors import BrokenOff

    return BrokenOff("the daemon closed the connection before it answered; see: p42 logs daemon")
