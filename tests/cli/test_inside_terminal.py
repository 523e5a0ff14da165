"""A command in its sandbox on a person's terminal: job control works, and nothing types into it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from p42.runtimes.sandbox import keystrokes
from tests.cli.sandboxed import FORMS, Person, lacks

PROMPT = "ready> "
DEADLINE = 30.0  # s; for one thing to be said on a busy machine


class Terminal:
    """An interactive bash of `person` on a terminal of its own."""

    def __init__(self, person: Person) -> None:
        env = {**person.env, "PS1": PROMPT, "TERM": "dumb"}
        self._said = ""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(person.home)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], env)
        self.until(PROMPT)

    def close(self) -> None:
        """Hang up."""
        os.close(self._fd)
        os.waitpid(self._pid, 0)

    def types(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def resizes(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, pattern: str) -> str:
        """What is said up to and with `pattern`."""
        end = time.monotonic() + DEADLINE
        while (found := re.search(pattern, self._said)) is None:
            ready, _, _ = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no {pattern!r} in {self._said!r}"
            self._said += os.read(self._fd, 65536).decode(errors="replace").replace("\r", "")
        said, self._said = self._said[: found.end()], self._said[found.end() :]
        return said

    def asks(self, command: str) -> str:
        """What `command` prints, to the next prompt."""
        self.types(f"{command}\n")
        self.until(re.escape(command) + "\n")
        return self.until(PROMPT).removesuffix(PROMPT)


@pytest.fixture(params=FORMS)
def person(request: pytest.FixtureRequest, tmp_path: Path) -> Person:
    if why := lacks(request.param):
        pytest.skip(why)
    return Person(tmp_path, request.param)


@pytest.fixture
def terminal(person: Person) -> Iterator[Terminal]:
    made = Terminal(person)
    yield made
    made.close()


HANDLES = """\
trap 'echo got-int; exit 3' INT
trap 'echo got-term; exit 4' TERM
trap 'echo continued' CONT
trap 'echo size $(stty size)' WINCH
echo begun
while :; do sleep 0.05; done
"""
SIMPLE = "echo begun; sleep 60; echo not-reached"


def test_ctrl_c_is_the_programs_to_handle(person: Person, terminal: Terminal) -> None:
    person.has("slow", source=HANDLES)
    terminal.types("slow\n")
    terminal.until("begun")
    terminal.types("\x03")
    terminal.until(f"got-int\n{PROMPT}")
    assert terminal.asks("echo rc=$?") == "rc=3\n"


def test_who_does_not_handle_it_ends_and_so_does_the_shells_loop(
    person: Person, terminal: Terminal
) -> None:
    person.has("simple", source=SIMPLE)
    terminal.types("for each in 1 2 3; do simple; done\n")
    terminal.until("begun\n")
    terminal.types("\x03")
    assert "begun" not in terminal.until(PROMPT)
    assert terminal.asks("echo rc=$?") == "rc=130\n"


def test_a_program_that_asks_goes_on_after_ctrl_c(person: Person, terminal: Terminal) -> None:
    source = (
        "import time\n"  # not input() here: Python's own loses a Ctrl-C that comes just before
        "try: print('name? ', end='', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt: print('as you like')\n"
        "print('hello', input('again? '))"
    )
    person.has("greet", language="python", source=source)
    terminal.types("greet\n")
    terminal.until(r"name\? ")
    terminal.types("\x03")
    terminal.until(r"as you like\nagain\? ")
    terminal.types("ann\n")
    terminal.until(f"hello ann\n{PROMPT}")


def test_it_is_stopped_and_continued_as_any_job(person: Person, terminal: Terminal) -> None:
    person.has("slow", source=HANDLES)
    terminal.types("slow\n")
    terminal.until("begun\n")
    terminal.types("\x1a")
    assert "Stopped" in terminal.until(PROMPT)
    assert "Stopped" in terminal.asks("jobs")
    terminal.types("fg\n")
    terminal.until("slow\ncontinued\n")
    terminal.types("\x03")
    terminal.until(f"got-int\n{PROMPT}")
    assert terminal.asks("jobs") == ""


def test_it_knows_the_size_of_the_window_when_that_changes(
    person: Person, terminal: Terminal
) -> None:
    person.has("slow", source=HANDLES)
    terminal.types("slow\n")
    terminal.until("begun\n")
    terminal.resizes(33, 99)
    terminal.until("size 33 99")
    terminal.types("\x03")
    terminal.until(PROMPT)


@pytest.mark.parametrize("target", ["$!", "%1"])
def test_a_kill_in_the_background_reaches_it(
    person: Person, terminal: Terminal, target: str
) -> None:
    person.has("slow", source=HANDLES)
    terminal.types("slow &\n")
    terminal.until("begun\n")
    terminal.types(f"kill {target}; wait $!; echo rc=$?\n")
    terminal.until("got-term")
    terminal.until("rc=4\n")


TYPES = """\
import fcntl, os, termios
fds = [0, 1, os.open("/dev/tty", os.O_RDWR)]
for fd in fds:
    for request in (0x5412, 0x541C, 0x5412 - (1 << 32)):
        try:
            fcntl.ioctl(fd, request, b"x")
            print("typed")
        except OSError as error:
            print(error.strerror)
"""


def test_it_cannot_type_into_the_terminal(person: Person, terminal: Terminal) -> None:
    """Else it would give the shell after it commands to run, outside of the sandbox."""
    if keystrokes.program() is None:
        pytest.skip("p42 knows no filter of system calls for this kind of machine")
    person.has("sneaky", language="python", source=TYPES)
    assert set(terminal.asks("sneaky").splitlines()) == {"Operation not permitted"}


def test_it_ends_as_the_program_ended(person: Person) -> None:
    """What `wait` tells the caller: an exit code, or the signal that was sent to it."""
    person.has("simple", source="echo begun; exec sleep 60")
    sent = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT)

    def heard() -> None:  # who runs the tests may ignore some, under nohup say
        for number in sent:
            signal.signal(number, signal.SIG_DFL)

    for number in sent:
        child = subprocess.Popen([person.commands / "simple"], env=person.env, cwd=person.home,
                                 stdout=subprocess.PIPE, preexec_fn=heard)  # fmt: skip
        assert child.stdout is not None
        with child, child.stdout:
            assert child.stdout.readline() == b"begun\n"
            child.send_signal(number)
            assert child.wait(timeout=DEADLINE) == -number


def test_nothing_of_it_is_left_when_it_is_killed(person: Person, tmp_path: Path) -> None:
    """The writing end of the pipe is held by all that it began: its end is theirs."""
    person.has("simple", source="echo begun; exec sleep 60")
    child = subprocess.Popen([person.commands / "simple"], env=person.env, cwd=person.home,
                             stdout=subprocess.PIPE)  # fmt: skip
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"begun\n"
        child.kill()
        assert child.stdout.read() == b""
    assert child.wait(timeout=DEADLINE) == -signal.SIGKILL


def gated(person: Person, script: str) -> None:
    """A bubblewrap that does this first; `$PPID` is the command that was called."""
    real = shutil.which("bwrap")
    (person.home / "bin").mkdir()
    gate = person.home / "bin" / "bwrap"
    gate.write_text(f'#!/bin/sh\n{script}\nexec {real} "$@"\n')
    gate.chmod(0o755)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_comes_while_the_walls_go_up_is_not_lost(tmp_path: Path, number: int) -> None:
    if why := lacks("bwrap"):
        pytest.skip(why)
    person = Person(tmp_path, "bwrap")
    gated(person, f"kill -{number} $PPID")
    person.has("simple", source="echo begun; exec sleep 60")
    env = {**person.env, "PATH": f"{person.home}/bin:{person.env['PATH']}"}
    done = person.calls("simple", env=env)
    assert (done.returncode, done.stdout) == (-number, "")


def test_walls_that_do_not_stand_with_its_grants_are_told(tmp_path: Path) -> None:
    if why := lacks("bwrap"):
        pytest.skip(why)
    person = Person(tmp_path, "bwrap")
    gated(person, 'case "$*" in *odd*) echo "bwrap: it is odd" >&2; exit 1;; esac')
    (person.home / "odd").mkdir()
    person.has("simple", source="touch ~/odd/ran", sandbox={"write": ["~/odd"]})
    env = {**person.env, "PATH": f"{person.home}/bin:{person.env['PATH']}"}
    done = person.calls("simple", env=env)
    assert (done.returncode, done.stdout) == (126, "")
    assert "its sandbox could not be set up: bwrap: it is odd" in done.stderr
    assert not (person.home / "odd" / "ran").exists()
