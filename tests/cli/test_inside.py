"""A command that declares a sandbox runs inside it when a person calls it, or not at all."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p42.runtimes.sandbox import landlock
from p42.runtimes.sandbox.sandbox import NONE
from tests.cli.conftest import Said
from tests.cli.sandboxed import BIN, FORMS, Person, lacks, lines


@pytest.fixture(params=FORMS)
def person(request: pytest.FixtureRequest, tmp_path: Path) -> Person:
    if why := lacks(request.param):
        pytest.skip(why)
    return Person(tmp_path, request.param)


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_it_sees_nothing_of_the_person_who_calls_it(person: Person) -> None:
    """The story: it declared `network: false`, and printed the person's key and their root."""
    (person.home / ".ssh").mkdir()
    (person.home / ".ssh" / "id_rsa").write_text("PRIVATE")
    person.has("spy", source="cat ~/.ssh/id_rsa; ls -a ~/ ~/.ssh; echo x > ~/left; echo over")
    done = person.calls("spy")
    assert lines(done)[-1] == "over"
    assert "PRIVATE" not in done.stdout
    assert "id_rsa" not in done.stdout
    assert not (person.home / "left").exists()


SCRIPTS = {
    "bash": 'echo "$1|$2"; read -r x; echo "$x"; cat {secret} 2>/dev/null; echo o >&2; exit 7',
    "python": "import sys\nprint(*sys.argv[1:], sep='|')\nprint(input())\n"
              "try: print(open('{secret}').read())\nexcept OSError: pass\n"
              "print('o', file=sys.stderr)\nsys.exit(7)",
    "node": "const fs = require('fs'); console.log(process.argv.slice(2).join('|'));"
            "process.stdout.write(fs.readFileSync(0));"
            "try { console.log(fs.readFileSync('{secret}', 'utf8')) } catch {}"
            "console.error('o'); process.exit(7)",
}  # fmt: skip


@pytest.mark.parametrize("language", list(SCRIPTS))
def test_arguments_streams_and_exit_code_pass_in_every_language(
    person: Person, language: str
) -> None:
    secret = person.home / "secret"
    secret.write_text("SECRET")
    person.has("tell", language=language, dependencies=["sh"],
               source=SCRIPTS[language].replace("{secret}", str(secret)))  # fmt: skip
    done = person.calls("tell", "a b", "$(id)*", stdin=None, input="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "a b|$(id)*\nin\n", "o\n")


@pytest.mark.parametrize("network", [False, True])
def test_it_has_the_network_if_it_declares_it(
    person: Person, listening: int, network: bool
) -> None:
    script = f"(exec 3<>/dev/tcp/127.0.0.1/{listening}) 2>/dev/null && echo out || echo in"
    person.has("call", source=script, sandbox={"network": network})
    assert lines(person.calls("call")) == ["out" if network else "in"]


def test_it_reads_and_writes_what_it_declares(person: Person) -> None:
    for name in ("notes", "out"):
        (person.home / name).mkdir()
    (person.home / "notes" / "a").write_text("apple\n")
    script = "cat ~/notes/a | tee ~/out/b; echo no > ~/notes/a; echo no > ~/c"
    person.has("copy", source=script, sandbox={"read": ["~/notes"], "write": ["~/out"]})
    assert lines(person.calls("copy")) == ["apple"]
    assert (person.home / "out" / "b").read_text() == "apple\n"
    assert (person.home / "notes" / "a").read_text() == "apple\n"
    assert not (person.home / "c").exists()


def test_it_begins_where_it_is_called_if_it_may_see_that(person: Person) -> None:
    deep = person.home / "notes" / "deep"
    deep.mkdir(parents=True)
    (person.home / "notes" / "a").write_text("apple\n")
    person.has("here", source='pwd; echo "$PWD"; cat ../a', sandbox={"read": ["~/notes"]})
    person.has("away", source="pwd; ls notes 2>/dev/null")
    assert lines(person.calls("here", cwd=deep)) == [str(deep), str(deep), "apple"]
    assert lines(person.calls("away")) == ["/"]


def test_a_dot_is_the_directory_it_is_called_in(person: Person) -> None:
    person.has("stamp", source="echo x > stamp; echo no > ../stamp; ls", sandbox={"write": ["."]})
    for name in ("one", "two"):
        (person.home / name).mkdir()
        assert lines(person.calls("stamp", cwd=person.home / name)) == ["stamp"]
    assert not (person.home / "stamp").exists()


@pytest.mark.parametrize("where", ["/", ".", ".."])
def test_a_dot_is_never_the_whole_home(person: Person, where: str) -> None:
    person.has("stamp", source="touch ran", sandbox={"write": ["."]})
    done = person.calls("stamp", cwd=person.home / where)
    assert (done.returncode, done.stdout) == (126, "")
    assert "whole home" in done.stderr
    assert not (person.home / "ran").exists()


def test_a_dot_is_never_p42s_own_home(person: Person) -> None:
    person.has("stamp", source="touch ran", sandbox={"write": ["."]})
    done = person.calls("stamp", cwd=person.commands)
    assert (done.returncode, done.stdout) == (126, "")
    assert "p42's own" in done.stderr
    assert not (person.commands / "ran").exists()


def test_a_directory_has_the_name_that_the_shell_has_for_it(person: Person, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (person.home / "notes").symlink_to(tmp_path / "data")
    for name, path in (("by-link", "~/notes"), ("by-place", str(tmp_path / "data"))):
        person.has(name, source="pwd -P; echo x > in-here; ls", sandbox={"write": [path]})
        there = {**person.env, "PWD": str(person.home / "notes")}
        done = person.calls(name, cwd=person.home / "notes", env=there)
        assert lines(done)[1:] == ["in-here"]


def test_p42_need_not_be_among_the_programs_it_sees(person: Person) -> None:
    """Its interpreter may stand anywhere (pipx, uv): what it needs to begin is there, no more."""
    lone = person.root / "lone"
    lone.mkdir()
    (lone / "p42").symlink_to(BIN / "p42")
    rest = "/usr/bin:/bin" if person.form == "bwrap" else person.env["PATH"].partition(":")[2]
    person.has("hello", source=f"echo hi; ls {BIN}")
    done = person.calls("hello", env={**person.env, "PATH": f"{lone}:{person.commands}:{rest}"})
    assert lines(done) == ["hi"]


def test_a_link_to_it_is_as_good_as_itself(person: Person) -> None:
    (person.home / "bin").mkdir()
    (person.home / "bin" / "hi").symlink_to(person.has("hello", source='echo "$0"'))
    assert lines(person.calls(str(person.home / "bin" / "hi"))) == [f"{person.home}/bin/hi"]


def test_what_the_caller_lends_it_has_and_no_more(person: Person, tmp_path: Path) -> None:
    (tmp_path / "lent").write_text("lent\n")
    source = (
        "import os\nfor fd in range(3, 300):\n"
        "    try: print(fd, os.read(fd, 9))\n    except OSError: pass"
    )
    person.has("fds", language="python", source=source)
    with (tmp_path / "lent").open() as lent:
        done = person.calls("fds", pass_fds=(lent.fileno(),))
        assert lines(done) == [f"{lent.fileno()} b'lent\\n'"]


def test_a_reader_that_goes_away_ends_it_quietly(person: Person) -> None:
    """Python ignores SIGPIPE, and so would everything that it becomes."""
    person.has("many", source="while :; do echo y || exit 9; done")
    done = person.calls("bash", "-c", "many | head -1; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("y\n141\n", "")


def test_what_is_ignored_outside_is_ignored_inside_and_nothing_is_held_back(
    person: Person,
) -> None:
    source = (
        "import signal as s\n"
        "print(*(int(s.getsignal(each)) for each in (s.SIGHUP, s.SIGTERM, s.SIGCHLD)))\n"
        "print(len(s.pthread_sigmask(0, [])), s.getsignal(s.SIGINT) is s.default_int_handler)"
    )
    person.has("state", language="python", source=source)
    done = person.calls("bash", "-c", "trap '' HUP; state")
    assert lines(done) == ["1 0 0", "0 True"]


def test_without_p42_on_the_path_it_does_not_run(person: Person) -> None:
    path = person.has("hello", source="touch ~/ran", sandbox={"write": ["~"]})
    bare = {**person.env, "PATH": "/usr/bin:/bin"}
    done = subprocess.run([path], env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 127
    assert "p42" in done.stderr
    assert not (person.home / "ran").exists()


def test_a_bubblewrap_that_does_not_work_leaves_it_to_landlock(tmp_path: Path) -> None:
    if why := lacks("landlock"):
        pytest.skip(why)
    person = Person(tmp_path, "landlock")
    broken = person.programs / "bwrap"
    broken.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    (person.home / "secret").write_text("SECRET")
    person.has("spy", source="cat; cat ~/secret || exit 3", sandbox={"network": True})
    done = person.calls("spy", stdin=None, input="kept\n")
    assert (done.returncode, done.stdout) == (3, "kept\n")
    assert "namespace" not in done.stderr


def test_without_any_sandbox_it_is_refused_with_what_to_install(
    p42: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: -1)  # an older kernel
    monkeypatch.setenv("PATH", str(tmp_path))
    path = Person(tmp_path, "none").has("hello", source="touch ~/ran", sandbox={"write": ["~"]})
    said = p42("__inside", "--", str(path))
    assert (said.code, said.out) == (126, "")
    assert NONE in said.err
    assert "install bubblewrap" in said.err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#!/bin/sh\ntouch ran\n", "first line"),
        ("#!/usr/bin/env -S p42 __inside --\ntouch ran\n", "p42's mark"),
        (None, "No such file"),
    ],
)
def test_what_p42_did_not_forge_it_does_not_run(
    p42: Callable[..., Said], tmp_path: Path, text: str | None, why: str
) -> None:
    file = tmp_path / "script"
    if text is not None:
        file.write_text(text)
    said = p42("__inside", "--", str(file))
    assert said.code == 126
    assert said.err.startswith(f"p42: {file}: ")
    assert why in said.err


def test_an_interpreter_that_is_not_in_there_is_told(person: Person) -> None:
    program = person.home / "mine"
    program.write_text("#!/bin/sh\necho ran\n")
    program.chmod(0o755)
    person.has("odd", source=f"#!{program}\nx\n", language="bash")
    done = person.calls("odd")
    assert done.returncode == (127 if person.form == "bwrap" else 126), done.stderr
    assert f"{program}: " in done.stderr, done.stderr


HEAVY = ("typer", "asyncio", "yaml", "json", "re", "enum", "pathlib", "typing", "dataclasses",
         "subprocess", "shutil", "socket", "signal", "ctypes")  # fmt: skip


def test_the_way_in_imports_next_to_nothing(tmp_path: Path) -> None:
    if why := lacks("bwrap"):
        pytest.skip(why)
    person = Person(tmp_path, "bwrap")
    path = person.has("hello", source="echo hi")
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; before = set(sys.modules)\n"
        "import os; ended = os._exit\n"
        f"def told(code): print([n for n in {HEAVY!r} if n in set(sys.modules) - before], "
        "file=sys.stderr, flush=True); ended(code)\n"
        "os._exit = told\n"
        f"from p42.cli.main import run; run(['__inside', '--', {str(path)!r}])"
    )
    done = subprocess.run([BIN / "python", "-S", "-c", code], env=person.env, timeout=60,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.stdout, done.stderr) == ("hi\n", "[]\n")
    assert os.environ["PATH"] in person.env["PATH"]
