"""`install-deps.sh`: one script that reads what is needed from the commands themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from p42.kinds.command import installer
from p42.kinds.command.runs import forged
from tests.kinds.command.conftest import Declare

TOOLS = ("dirname", "head", "sed", "tr", "sort", "id", "bash", "cat")
MANAGERS = {
    "brew": "brew install ripgrep",
    "apt-get": "apt-get install -y --no-install-recommends ripgrep",
    "dnf": "dnf install -y ripgrep",
    "yum": "yum install -y ripgrep",
    "pacman": "pacman -S --noconfirm ripgrep",
    "zypper": "zypper --non-interactive install ripgrep",
    "apk": "apk add ripgrep",
}


class Machine:
    """A home with the script, and a PATH with nothing but what is put there."""

    def __init__(self, place: Path) -> None:
        self.home, self.path = place / "home", place / "path"
        (self.home / "commands").mkdir(parents=True)
        self.path.mkdir()
        for tool in TOOLS:
            found = next(p for p in (Path("/usr/bin"), Path("/bin")) if (p / tool).exists())
            (self.path / tool).symlink_to(found / tool)
        self.script = self.home / installer.NAME
        self.script.write_text(installer.SCRIPT)

    def program(self, name: str, text: str = "") -> None:
        """Install a program."""
        (self.path / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.path / name).chmod(0o755)

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            ["/bin/bash", self.script, *args], capture_output=True, text=True, check=False,
            env={"PATH": str(self.path)}, timeout=30,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("manager", MANAGERS)
def test_every_package_manager_gets_its_own_words(machine: Machine, manager: str) -> None:
    machine.program(manager)
    machine.program("sudo")
    done = machine.run("--dry-run", "rg")
    assert done.returncode == 0
    assert done.stdout.removeprefix("📦 ").removeprefix("sudo ").strip() == MANAGERS[manager]


def test_what_is_there_is_not_installed_again(machine: Machine) -> None:
    machine.program("apt-get", "exit 9")
    machine.program("jq")
    done = machine.run("jq")
    assert (done.returncode, done.stdout) == (0, "✅ jq is already installed\n")


def test_without_names_the_commands_say_what_they_need(machine: Machine, declare: Declare) -> None:
    machine.program("apt-get")
    for name, language, needs in (
        ("one", "bash", ["jq", "git"]), ("two", "node", ["jq", "fzf"]), ("three", "bash", []),
    ):  # fmt: skip
        data = forged(
            declare(
                name,
                language=language,
                source="x",
                dependencies=needs,
                description="Some\nlines\nof\ntext.",
            )
        )
        assert data is not None
        (machine.home / "commands" / name).write_bytes(data)
    said = machine.run("--dry-run").stdout.splitlines()
    assert [line.split()[-1] for line in said] == ["fzf", "git", "jq"]


def test_what_was_installed_is_looked_for_afterwards(machine: Machine) -> None:
    machine.program("apt-get", f"touch {machine.path}/jq; /bin/chmod 755 {machine.path}/jq")
    machine.program("sudo", '"$@"')
    (machine.path / "touch").symlink_to("/usr/bin/touch")
    assert machine.run("jq").returncode == 0
    done = machine.run("jq", "no-such")
    assert done.returncode == 1
    assert done.stderr == "❌ Not installed: no-such\n"


def test_without_a_package_manager_it_says_what_to_install(machine: Machine) -> None:
    done = machine.run("jq", "fzf")
    assert done.returncode == 1
    assert "Install by hand: jq fzf" in done.stderr


def test_nothing_needed_is_nothing_done(machine: Machine) -> None:
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_option_in_disguise_is_no_program(machine: Machine) -> None:
    machine.program("apt-get")
    assert machine.run("jq", "-o=evil").returncode == 64
