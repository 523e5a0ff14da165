"""Inside a sandbox a program reaches the system's programs, its grants, and nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.model.errors import Blocked
from p42.model.grants import Grants
from p42.runtimes.processes import LocalProcesses
from p42.runtimes.sandbox import landlock
from p42.runtimes.sandbox.sandbox import Sandbox, needed

PATH = os.environ["PATH"]
BEST = Sandbox.find(PATH)
FORMS = {
    "bwrap": BEST if BEST is not None and BEST.form == "bwrap" else None,
    "landlock": Sandbox("landlock", __import__("sys").executable, BEST.system if BEST else ())
    if landlock.works() else None,
}  # fmt: skip


@pytest.fixture(params=list(FORMS))
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    found = FORMS[request.param]
    if found is None:
        pytest.skip(f"{request.param} does not work on this machine")
    return found


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Somebody's file, elsewhere than /tmp as a program inside sees it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "home" / "secret").write_text("secret")
    return tmp_path


def run(sandbox: Sandbox, script: str, *, cwd: Path | None = None, **grants: Any) -> Any:
    argv = sandbox.wrap(["bash", "-c", script], Grants(**grants), cwd)
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=cwd)


def test_the_systems_programs_run(sandbox: Sandbox) -> None:
    done = run(sandbox, "echo hi | sed s/hi/ho/; ls /usr/bin/env; printf x >/dev/null")
    assert (done.returncode, done.stdout) == (0, "ho\n/usr/bin/env\n"), done.stderr


@pytest.mark.parametrize("program", ["python3 -c 'print(6*7)'", "bash -c 'echo 42'"])
def test_interpreters_run_wherever_they_are_installed(sandbox: Sandbox, program: str) -> None:
    assert run(sandbox, program).stdout == "42\n"


def test_a_file_that_was_not_granted_is_not_there(sandbox: Sandbox, outside: Path) -> None:
    done = run(sandbox, f"cat {outside}/home/secret; echo x > {outside}/home/new")
    assert "secret" not in done.stdout
    assert not (outside / "home" / "new").exists()


def test_granted_to_read_is_not_granted_to_write(sandbox: Sandbox, outside: Path) -> None:
    home = outside / "home"
    done = run(
        sandbox, f"cat {home}/secret; echo x > {home}/secret; rm {home}/secret", read=(home,)
    )
    assert done.stdout == "secret"
    assert (home / "secret").read_text() == "secret"


def test_granted_to_write_is_written(sandbox: Sandbox, outside: Path) -> None:
    work = outside / "work"
    done = run(sandbox, "echo x > new; mkdir d; mv new d/", cwd=work, write=(work,))
    assert done.returncode == 0, done.stderr
    assert (work / "d" / "new").read_text() == "x\n"


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_there_is_no_network_unless_it_was_granted(sandbox: Sandbox, listening: int) -> None:
    if sandbox.form == "landlock" and landlock.abi() < 4:
        pytest.skip("this kernel's Landlock does not know TCP")
    script = f"exec 3<>/dev/tcp/127.0.0.1/{listening} && echo through"
    assert run(sandbox, script).stdout == ""
    assert run(sandbox, script, network=True).stdout == "through\n"


def test_the_environment_and_arguments_pass_as_they_are(sandbox: Sandbox, outside: Path) -> None:
    argv = sandbox.wrap(["printf", "%s|", "a b", "*", "--x", ""], Grants())
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "a b|*|--x||"


def test_without_one_nothing_runs_and_the_remedy_is_told() -> None:
    with pytest.raises(Blocked, match="install bubblewrap"):
        needed(None)


def test_none_is_found_where_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: -1)
    assert Sandbox.find(str(tmp_path)) is None


async def test_a_program_with_grants_runs_inside(outside: Path) -> None:
    if BEST is None:
        pytest.skip("this machine has no sandbox")
    processes = LocalProcesses(os.environ, home=outside)
    script, work = f"cat {outside}/home/secret; echo x > here", outside / "work"
    grants = Grants(write=(work,))
    done = await processes.run(["bash", "-c", script], cwd=work, grants=grants)
    assert b"secret" not in done.stdout
    assert (work / "here").exists()
    bare = await processes.run(["bash", "-c", script], cwd=work)
    assert bare.stdout == b"secret"


SOCKETS = """
import os, socket, sys
def made(*wanted):
    try: return type(socket.socket(*wanted)).__name__
    except OSError as error: return error.strerror
path = sys.argv[1]
outcomes = []
try:
    door = socket.socket(socket.AF_UNIX)
    door.connect(path)
    outcomes.append("connected")
except OSError as error:
    outcomes.append("refused")
try:
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"x", path + ".datagrams")
    outcomes.append("sent")
except OSError:
    outcomes.append("refused")
one, other = socket.socketpair()
one.send(b"pair")
outcomes.append(other.recv(4).decode())
print(*outcomes)
"""


@pytest.mark.parametrize("network", [False, True])
def test_a_socket_in_the_file_system_is_out_of_reach(
    sandbox: Sandbox, outside: Path, network: bool
) -> None:
    door = outside / "door"
    with (
        socket.socket(socket.AF_UNIX) as stream,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
    ):
        stream.bind(str(door))
        stream.listen()
        datagrams.bind(f"{door}.datagrams")
        argv = ["python3", "-c", SOCKETS, str(door)]
        done = subprocess.run(
            sandbox.wrap(argv, Grants(network=network)), capture_output=True, text=True, check=False
        )
    assert done.stdout == "refused refused pair\n", done.stderr


def test_without_the_network_no_way_leads_out(sandbox: Sandbox) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        heard.setblocking(False)
        port = heard.getsockname()[1]
        run(sandbox, f"echo x > /dev/udp/127.0.0.1/{port}")
        with pytest.raises(BlockingIOError):
            heard.recv(10)


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root has no such rights to give up")
def test_root_inside_is_root_no_more(sandbox: Sandbox, outside: Path) -> None:
    work = outside / "work"
    tries = "mount -o remount,bind,rw /usr", "umount /usr", "mknod dev b 1 1", "chown 1 ."
    script = "; ".join(f"{each} 2>&- && echo {each}" for each in tries)
    done = run(sandbox, f"{script}; echo over", cwd=work, write=(work,))
    assert done.stdout == "over\n"
    assert not (work / "dev").exists()
    assert work.stat().st_uid == 0


def shadow(prefix: Path, name: str) -> None:
    (prefix / "bin").mkdir(parents=True, exist_ok=True)
    (prefix / "bin" / name).symlink_to("/bin/true")


def test_an_interpreter_in_a_persons_own_directory_does_not_open_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("P42_HOME", raising=False)
    own, local, tree = tmp_path, tmp_path / ".local", tmp_path / "tools" / "python"
    shadow(own, "python3")
    shadow(local, "node")
    shadow(tree, "bash")
    (tree / "lib" / "python3.12").mkdir(parents=True)
    (tree / "lib" / "python3.12" / "os.py").touch()
    (own / "lib" / "python3.12").mkdir(parents=True)
    (own / "lib" / "python3.12" / "os.py").touch()
    path = os.pathsep.join(f"{each}/bin" for each in (own, local, tree, "/usr"))
    found = Sandbox.find(f"{path}:{PATH}")
    assert found is not None
    assert str(tree) in found.system
    assert str(own) not in found.system
    assert str(local) not in found.system
