"""Escort: the process that stays beside a program in bubblewrap: signals go in, its end comes out.

A name space of processes cannot be entered by who exists already, so somebody has to stay outside.
bubblewrap's own process does, and is no good at it: it dies of a Ctrl-C that the program wants to
handle, and the program with it; a `kill` of its number never reaches the program; and a shell's
loop goes on after a Ctrl-C, for it sees an exit code and no signal.

Guarantees
- What the terminal sends (Ctrl-C, Ctrl-\\, Ctrl-Z, hang-up, window size) reaches the program from
  the terminal itself: it is in its caller's session and process group, as a plain script would be.
- What is sent to this process by its number is passed on, but for what stops a process: that stops
  this one alone.
- It ends as the program ended: by the same exit code; by the same signal, if that came through here
  or from the terminal. Of any other signal N it makes 128 + N, as shells do.
- When the program has ended, all that it began ends too; so it does if this process is killed.

Caveat: a signal to the whole group (`kill -TERM -PGID`) reaches the program twice.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` makes enumerations of it: 4 ms
import _socket
import os
import sys

from p42.runtimes.sandbox import keystrokes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

PATIENCE = 10.0  # s for bubblewrap to set up; 10 ms are usual
TTY = frozenset((_signal.SIGINT, _signal.SIGQUIT, _signal.SIGHUP))  # go to the whole group
# Not held back: what stops and continues us, as it does the program; what is about our own faults;
# and what nobody minds.
LEFT = frozenset((
    _signal.SIGKILL, _signal.SIGSTOP, _signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU,
    _signal.SIGCONT, _signal.SIGSEGV, _signal.SIGBUS, _signal.SIGILL, _signal.SIGFPE,
    _signal.SIGTRAP, _signal.SIGSYS, _signal.SIGWINCH, _signal.SIGURG, _signal.SIGCHLD,
))  # fmt: skip
KERNEL = 0x80  # si_code: not a process's (sigaction(2))
CREDENTIALS = 2  # SCM_CREDENTIALS
UCRED = 12  # bytes of it: pid, uid, gid
COMPLAINT = 4096  # bytes of what bubblewrap says


class Unready(Exception):
    """The sandbox ended before the program began; `str()` is what it said."""


def escort(
    around: Callable[[int | None], Sequence[str]], program: Sequence[str], sights: Mapping[str, str]
) -> int:
    """Run `program` within bubblewrap's command line, which `around` makes; its exit code.

    `around` is given a descriptor with the filter of `keystrokes.py`; None = there is none for this
    machine. `sights`: what has to be there (`sights.py`). Does not return if a signal ended the
    program. Unready: nothing has run, and all is as it was before.
    """
    program = [str(len(sights)), *(word for each in sights.items() for word in each), *program]
    passed = frozenset(_signal.valid_signals()) - LEFT
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, passed | {_signal.SIGCHLD})
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # who ignores it is not told of an end
    try:
        ours, child, said = _started(around, program, before)
        inside = _arrived(ours, child, said)
    except BaseException:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
        raise
    came = _catch_up(inside, passed)
    try:  # noqa: SIM105 - contextlib costs 3 ms
        ours.send(b"!")
    except OSError:
        pass  # it was killed meanwhile; how it ended is told below
    ours.close()
    return _ended(_beside(child, inside, passed, came), came)


def _started(
    around: Callable[[int | None], Sequence[str]], program: Sequence[str], mask: Iterable[int]
) -> tuple[_socket.socket, int, int]:
    """The channel to the doorstep, bubblewrap's number, and what it says as a pipe."""
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    ours.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
    ours.settimeout(PATIENCE)
    said, complaints = os.pipe()
    keys, stderr, channel = _keys(), os.dup(2), theirs.detach()
    lent = [each for each in (keys, stderr, channel) if each is not None]
    for each in lent:
        os.set_inheritable(each, True)
    masked = ",".join(str(int(each)) for each in mask)
    line = [*around(keys), *doorstep(), str(channel), str(stderr), masked, *program]
    try:
        child = os.posix_spawn(
            line[0], line, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, complaints, 2)],
            setsigdef=(_signal.SIGPIPE, _signal.SIGXFSZ),
        )  # fmt: skip
    except OSError as error:
        raise Unready(f"{line[0]}: {error.strerror}") from None
    finally:
        for each in (complaints, *lent):
            os.close(each)
    return ours, child, said


def _keys() -> int | None:
    rules = keystrokes.program()
    if rules is None:
        return None
    keys, into = os.pipe()
    os.write(into, rules)  # a hundred bytes: a pipe holds them
    os.close(into)
    return keys


def doorstep() -> Sequence[str]:
    """The command line of what comes first inside; its arguments follow."""
    text = os.path.join(os.path.dirname(__file__), "doorstep.py")  # noqa: PTH118, PTH120
    with open(text, encoding="ascii") as source:  # noqa: PTH123
        return (python(), "-I", "-S", "-c", source.read())


def python() -> str:
    """The interpreter, by the path it really has."""
    return os.path.realpath(sys.executable)


def library() -> Sequence[str]:
    """What the interpreter reads to begin; no more of the tree it stands in."""
    lib = os.path.dirname(os.path.dirname(os.__file__))  # noqa: PTH120
    shared = (name for name in os.listdir(lib) if name.startswith("libpython"))  # noqa: PTH208
    return (python(), os.path.dirname(os.__file__), *(f"{lib}/{name}" for name in shared))  # noqa: PTH120


def _arrived(ours: _socket.socket, child: int, said: int) -> int:
    """The number of what is inside, as it is called out here."""
    try:
        word, ancillary, *_ = ours.recvmsg(1, _socket.CMSG_SPACE(UCRED))
    except TimeoutError:
        word, ancillary = b"", []
    numbers = [each[2] for each in ancillary if each[1] == CREDENTIALS]
    if word and numbers:
        return int.from_bytes(numbers[0][:4], sys.byteorder)
    ours.close()
    os.kill(child, _signal.SIGKILL)
    os.waitpid(child, 0)
    os.set_blocking(said, False)
    try:
        text = os.read(said, COMPLAINT).decode(errors="replace").strip()
    except BlockingIOError:
        text = ""
    os.close(said)
    raise Unready(text or "bubblewrap ended without a word")


def _catch_up(inside: int, passed: frozenset[int]) -> set[int]:
    """Pass on what came while the sandbox was set up, and return it.

    What the terminal sent may have reached the doorstep too; held back there, it counts once.
    """
    came: set[int] = set()
    while (info := _signal.sigtimedwait(passed, 0)) is not None:
        came.add(info.si_signo)
        _send(inside, info.si_signo)
    return came


def _beside(child: int, inside: int, passed: frozenset[int], came: set[int]) -> int:
    """Pass on what comes until bubblewrap has ended; its wait status."""
    while True:
        info = _signal.sigwaitinfo(passed | {_signal.SIGCHLD})
        if info.si_signo == _signal.SIGCHLD:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status
            continue
        came.add(info.si_signo)
        everybody = info.si_code == KERNEL and info.si_signo in TTY
        if not everybody and info.si_pid != inside:
            _send(inside, info.si_signo)


def _send(inside: int, number: int) -> None:
    try:  # noqa: SIM105 - contextlib costs 3 ms
        os.kill(inside, number)
    except ProcessLookupError:
        pass  # it has just ended


def _ended(status: int, came: set[int]) -> int:
    """The exit code; or end by the signal that the program ended by."""
    code = os.waitstatus_to_exitcode(status)
    number = -code if code < 0 else code - 128
    if code < 0 or number in came:
        _die(number)
    return code


def _die(number: int) -> None:
    """End by this signal, and leave no core of ours."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if number != _signal.SIGKILL:
        _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
