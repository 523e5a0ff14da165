"""`python -m p42.keeper RUN_DIRECTORY GRACE ENTRY [front] [zygote=CODE]`: become a home's keeper.

Double-forked, a session leader, parented by init; one per home, by a lock that dies with it. With
`front` it stays the process it is, as a service manager wants it; with `zygote` that one is there
before a daemon asks for it, which a daemon that is just starting does later than it could.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
from pathlib import Path

from p42.keeper import brand, linux, orphans
from p42.keeper.keeper import Keeper, listen
from p42.keeper.orphans import KEPT
from p42.keeper.reactor import Reactor

LOG = 256 * 1024  # bytes of keeper.log at a start; it holds tracebacks only
SPARE = 64  # descriptors of the hard limit we leave alone


def main() -> None:
    """Detach, lock, listen, and stay until told to end or left alone too long."""
    run, grace, entry, *further = Path(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:]
    if "front" not in further:
        if os.fork():
            os._exit(0)
        os.setsid()
        if os.fork():
            os._exit(0)
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(run / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # another keeper of this home lives
    size = os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    os.truncate(lock, size)  # after it: nobody finds the file empty
    # Who bears the brand and is not known as the keeper is taken for a stray: so it comes later.
    if brand.mark() is None:  # who was started by the daemon bears it
        brand.take(run)
    orphans.end_left_behind(run)  # before a daemon takes one of them for a person's program
    reactor = Reactor()
    sock = listen(run / "keeper.sock")
    _settle(run)  # closes standard output: whoever started us reads its end as "it listens"
    keeper = Keeper(reactor, sock, zygote=_zygote(entry), grace=grace, mark={KEPT: str(run)})
    _signals(reactor, keeper)
    keeper.begin()
    for word in further:
        if word.startswith("zygote="):
            keeper.warm(word.removeprefix("zygote="))
    reactor.run()
    (run / "keeper.sock").unlink(missing_ok=True)
    _leave_nothing(run / "keeper.log")


def _settle(run: Path) -> None:
    os.chdir("/")
    linux.become_subreaper()
    linux.undumpable()
    linux.set_name("p42-keeper")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard > 2 * SPARE:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard - SPARE, hard))
    null = os.open(os.devnull, os.O_RDWR)
    path = run / "keeper.log"
    if path.exists() and path.stat().st_size > LOG:
        path.replace(path.with_name("keeper.log.1"))
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, fd in enumerate((null, log, log)):
        os.dup2(fd, target)
    for fd in (null, log):
        if fd > 2:
            os.close(fd)


def _leave_nothing(log: Path) -> None:
    """A log without a word in it goes; one with a traceback stays for whoever looks into it."""
    if log.exists() and not log.stat().st_size:
        log.unlink()


def _signals(reactor: Reactor, keeper: Keeper) -> None:
    """SIGCHLD and SIGTERM through a pipe, so that they are callbacks like all else."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)

    def rung() -> None:
        numbers = os.read(reading, 4096)
        if signal.SIGTERM in numbers:
            keeper.end()
        keeper.reap()

    reactor.readable(reading, rung)


def _zygote(entry: str) -> list[str]:
    """The zygote's command line: the same Python and the same code as ours, nothing else."""
    root = str(Path(__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); from p42.keeper.zygote import main; main()"
    return [sys.executable, "-I", "-S", "-c", code, "0", entry]


if __name__ == "__main__":
    main()
