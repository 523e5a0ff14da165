"""Zygote: imports a runtime once, then forks a child per request: a few MB and a few ms each.

A child has to be the keeper's, so it is forked twice: the one in between ends at once, and the
kernel hands the orphan to the nearest subreaper, which is the keeper. Until the keeper has it in
its table and says "run", the child waits: nothing it does can be missed.

Assumptions: the runtime starts no thread at import. Prior art: Android's zygote.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import os
import signal
import socket
import sys
import time
from typing import Any, NoReturn

from p42.keeper import linux, spawn
from p42.keeper.frames import Decoder, Message, encode

PATIENCE = 5.0  # s a new child waits for its adoption; it takes microseconds


def main() -> None:
    """`zygote FD MODULE:FUNCTION`: serve fork requests on FD until its other end closes."""
    link = socket.socket(fileno=int(sys.argv[1]))
    module, _, function = sys.argv[2].partition(":")
    entry = getattr(importlib.import_module(module), function)
    keeper = os.getppid()
    linux.set_name("p42-zygote")
    gc.collect()
    gc.freeze()  # a collection in a child would touch, and so copy, every page it shares
    link.sendall(encode({"op": "ready"}))
    decoder = Decoder()
    fds: list[int] = []
    while True:
        data, more, _, _ = socket.recv_fds(link, 65536, 64)
        if not data:
            return
        fds += more
        for message in decoder.feed(data):
            count = message.get("fds", 0)
            taken, fds = fds[:count], fds[count:]
            pid = _fork(message, taken, keeper=keeper, entry=entry)
            for fd in taken:
                os.close(fd)
            link.sendall(encode({"op": "forked", "token": message["token"], "pid": pid}))


def _fork(message: Message, fds: list[int], *, keeper: int, entry: Any) -> int:
    """Fork twice; the pid of the grandchild."""
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            _child(message, fds, parent, keeper=keeper, entry=entry)
        os.write(writing, str(child).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(between, 0)
    pid = int(os.read(reading, 32))
    os.close(reading)
    return pid


def _child(message: Message, fds: list[int], parent: int, *, keeper: int, entry: Any) -> NoReturn:
    """`fds`: the log, the private channel, then the listeners. Never returns."""
    code = spawn.FAILED
    try:
        log, channel, *listeners = fds
        _await_parent(parent, keeper)
        null = os.open("/dev/null", os.O_RDONLY)
        spawn.enter(keeper, stdin=null, stdout=log, stderr=log)
        kept = _moved([channel, *listeners])
        spawn.limit(spawn.Limits(**message.get("limits", {})))
        os.environ.clear()
        os.environ.update(message.get("env", {}))
        os.chdir(message.get("cwd", "/"))
        linux.set_name(message.get("title", "p42-child"))
        private = socket.socket(fileno=kept[0])
        if private.recv(1) == b"\n":  # adopted: the keeper says "run"
            code = entry(message["spec"], private, kept[1:])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last frame of a process: say it, then end
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def _await_parent(parent: int, keeper: int) -> None:
    """Until the kernel has handed us from `parent` to the keeper; a dead keeper ends us."""
    limit = time.monotonic() + PATIENCE
    while (now := os.getppid()) != keeper:
        if now != parent or time.monotonic() > limit:
            os._exit(0)
        os.sched_yield()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _moved(fds: list[int]) -> list[int]:
    """The descriptors renumbered from 3 up, and every other one closed."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64) for fd in fds]  # clear of the targets
    os.closerange(3, min(high))
    for target, fd in enumerate(high, start=3):
        os.dup2(fd, target, inheritable=False)
    os.closerange(3 + len(fds), max(high) + 1)
    return list(range(3, 3 + len(fds)))


if __name__ == "__main__":
    main()
