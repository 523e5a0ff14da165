"""init, service, config, doctor, deps: what they write, that twice is once, and what they say."""

from __future__ import annotations

import configparser
import json
import plistlib
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p42.cli import machine, shells, units
from tests.cli.scripted import Scripted, thing

P42 = Callable[..., Any]


def test_init_makes_the_home_private_and_asks_for_path(
    home: Path, p42: P42, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/bash")
    home.rmdir()
    said = p42("init", "--no-start")
    assert said.code == 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert "nobody to ask" in said.out
    assert not (Path.home() / ".bashrc").exists()


def test_init_is_idempotent_and_can_be_undone(
    home: Path, p42: P42, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/bash")
    rc = Path.home() / ".bashrc"
    rc.write_text("alias l=ls")
    p42("init", "--yes", "--no-start")
    once = rc.read_text()
    assert str(home / "commands") in once
    assert "has what it needs" in p42("init", "--yes", "--no-start").out
    assert rc.read_text() == once
    assert p42("init", "--undo").code == 0
    assert rc.read_text() == "alias l=ls"
    assert "no line of ours" in p42("init", "--undo").out


def test_init_mends_a_home_that_is_open_to_others(home: Path, p42: P42) -> None:
    home.chmod(0o755)
    assert "yours alone" in p42("init", "--no-start").out
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_init_verifies_a_daemon_that_runs(home: Path, daemon: Scripted, p42: P42) -> None:
    daemon.answers["ping"] = {}
    said = p42("init", "--yes", "--shell", "fish")
    assert "runs, answers" in said.out
    assert shells.MARK in (Path.home() / ".config/fish/conf.d/p42.fish").read_text()
    p42("init", "--undo")
    assert not (Path.home() / ".config/fish/conf.d/p42.fish").exists()


AWKWARD = "/tmp/a b%h$x\"'\\ü"


def test_the_systemd_unit_is_one_systemd_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the unit is not proven here")
    unit = tmp_path / "p42.service"
    unit.write_text(units.systemd(AWKWARD))
    done = subprocess.run(["systemd-analyze", "verify", "--user", str(unit)],
                          capture_output=True, text=True, check=False)  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "p42.service" in line]
    assert complaints == []


def test_the_unit_quotes_what_systemd_would_read_otherwise() -> None:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    text = units.systemd("/h")
    parser.read_string(text)
    assert parser["Service"]["ExecStart"].endswith('"-P" "-m" "p42" "serve"')
    assert parser["Service"]["RestartPreventExitStatus"] == "3 64"
    assert r"P42_HOME=/tmp/a b%%h$x\"" in units.systemd(AWKWARD)


def test_the_launchd_agent_is_a_property_list() -> None:
    body = plistlib.loads(units.launchd(AWKWARD).encode())
    assert body["EnvironmentVariables"]["P42_HOME"] == AWKWARD
    assert body["ProgramArguments"][-1] == "serve"


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `systemctl` that notes what it was asked."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    notes = tmp_path / "asked"
    program.write_text(f'#!/bin/sh\necho "$*" >> "{notes}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr("sys.platform", "linux")
    return notes


def test_service_install_twice_is_once(home: Path, p42: P42, systemctl: Path) -> None:
    unit = Path.home() / ".config/systemd/user/p42.service"
    assert p42("service", "install").code == 0
    once = unit.read_text()
    assert "--user restart p42.service" in systemctl.read_text()
    systemctl.unlink()
    assert "is there" in p42("service", "install").out
    assert unit.read_text() == once
    assert "restart" not in systemctl.read_text()
    assert p42("service", "uninstall").code == 0
    assert not unit.exists()
    assert p42("service", "uninstall").out == "no unit is installed\n"


def test_service_install_that_cannot_be_leaves_all_as_it_was(
    home: Path, p42: P42, systemctl: Path
) -> None:
    """It stopped a daemon that ran and left the unit's file, then said that there is no bus."""
    program = systemctl.parent / "bin" / "systemctl"
    before = program.read_text()
    program.write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2; exit 1\n")
    assert p42("start").code == 0
    try:
        said = p42("service", "install")
        assert (said.code, said.out) == (1, "")
        assert "Failed to connect to bus" in said.err
        assert "p42 start" in said.err
        assert "runs already" in p42("start").out
        inactive = 'case "$*" in *is-active*|*restart*) exit 1; esac\n'
        program.write_text(before + inactive)
        assert p42("service", "install").code == 1
        assert "runs already" in p42("start").out
        assert not (Path.home() / ".config/systemd/user/p42.service").exists()
    finally:
        assert p42("stop").code == 0


def test_service_print_installs_nothing(home: Path, p42: P42) -> None:
    assert p42("service", "install", "--print").out.startswith("# Written by `p42 service")
    assert not (Path.home() / ".config").exists()


def test_without_systemd_the_way_out_is_said(
    home: Path, p42: P42, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = p42("service", "install")
    assert said.code == 1
    assert "p42 start" in said.err


def test_config_shows_where_each_value_comes_from(
    home: Path, p42: P42, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P42_HTTP_PORT", "4300")
    items = {item["key"]: item for item in json.loads(p42("config", "-o", "json").out)["items"]}
    assert items["http.port"]["value"] == 4300
    assert items["http.port"]["source"] == "env"
    assert items["bus"]["source"] == "default"
    assert items["projects.idleTimeout"]["value"] == "10m"
    out = p42("config").out
    assert "http.port" in out
    assert "P42_HTTP_PORT" in out


def test_a_wrong_config_is_said_at_its_place_once(home: Path, p42: P42) -> None:
    (home / "config.toml").write_text("[gateway]\nprot = 42\n")
    said = p42("config")
    assert said.code == 3
    assert "config.toml:2:1" in said.err
    assert said.err.count("config.toml") == 1


def test_doctor_gives_each_trouble_a_remedy(home: Path, p42: P42) -> None:
    home.chmod(0o755)
    said = p42("doctor", "-o", "json")
    checks = json.loads(said.out)["checks"]
    assert said.code == 1
    by_name = {check["check"]: check for check in checks}
    assert by_name["home"]["level"] == "problem"
    assert by_name["home"]["remedy"] == f"chmod 700 {home}"
    assert by_name["daemon"]["remedy"] == "p42 start"
    for check in checks:
        assert list(check) == ["check", "level", "message", "remedy"]
        assert (check["level"] == "ok") or check["remedy"]


def test_doctor_adds_what_the_daemon_sees(daemon: Scripted, p42: P42) -> None:
    found = machine.problem("gateway", "no TCP port is open", "see above")
    daemon.answers["doctor"] = {"checks": [found], "code": 1}
    said = p42("doctor")
    assert said.code == 1
    assert "problem  gateway" in said.out
    assert "-> see above" in said.out


def test_doctor_knows_reserved_ports() -> None:
    assert machine._ranges("42,42100-46099\n") == [(42, 42), (42100, 46099)]
    assert machine._ranges("\n") == []


def test_deps_names_what_is_missing_and_who_needs_it(daemon: Scripted, p42: P42) -> None:
    needs = ["sh", "no-such-program-p42"]
    daemon.answers["get"] = {"items": [thing("Command", "hello", dependencies=needs)]}
    said = p42("deps")
    assert said.code == 0
    assert "no-such-program-p42   no        command/hello" in said.out
    assert "p42 deps --install" in said.err
    items = json.loads(p42("deps", "-o", "json").out)["items"]
    assert items[1] == {"name": "sh", "present": True, "neededBy": ["command/hello"]}


def test_deps_install_runs_the_script_of_the_home(home: Path, daemon: Scripted, p42: P42) -> None:
    daemon.answers["get"] = {
        "items": [thing("Command", "hello", dependencies=["no-such-program-p42"])]
    }
    assert "is not there" in p42("deps", "--install", "--yes").err
    (home / "install-deps.sh").write_text(f'echo "$@" > "{home}/ran"\n')
    assert p42("deps", "--install").code == 3, "nobody to ask"
    assert not (home / "ran").exists()
    assert p42("deps", "--install", "--yes").code == 0
    assert (home / "ran").read_text() == "no-such-program-p42\n"


def test_deps_without_a_daemon_reads_the_headers(home: Path, p42: P42) -> None:
    (home / "commands").mkdir()
    head = "#!/usr/bin/env node\n// p42: needs sh no-such-program-p42\n"
    (home / "commands" / "hello").write_text(head)
    said = p42("deps", "-o", "json")
    assert said.code == 0
    assert [item["name"] for item in json.loads(said.out)["items"]] == ["no-such-program-p42", "sh"]
