"""What p42 follows is the word of a person, and of nobody who may write beside it: a real daemon.

In each case `proj` is where an agent works: it may write there, and nowhere else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.doors.daemons import PATIENCE, Daemon, command, declare, running
from tests.manifest.test_discover import run

QUIET = {"P42_STATUS_WRITE": "none"}


def until(daemon: Daemon, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """`get status` once `met` of it."""
    end = time.monotonic() + PATIENCE
    while not met(found := daemon.ask("overview")):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def looked(daemon: Daemon, source: Path) -> None:
    """All sources have been looked at twice, and what is gone is gone."""
    declare(source, "last")
    daemon.ask("apply", paths=[str(source)])


def names(daemon: Daemon) -> list[str]:
    return [item["name"] for item in daemon.ask("overview")["items"]]


def says(daemon: Daemon, name: str) -> str:
    return (daemon.home / "commands" / name).read_text()


def codes(found: dict[str, Any]) -> list[str]:
    return [each["code"] for each in found["broken"]]


@pytest.fixture
def proj(tmp_path: Path) -> Path:
    (tmp_path / "proj").mkdir()
    return tmp_path / "proj"


def test_a_link_that_was_applied_and_is_turned_is_not_followed(proj: Path, tmp_path: Path) -> None:
    declare(tmp_path / "real", "one", "echo mine")
    (proj / "link").symlink_to("../real")
    with running(tmp_path / "home", **QUIET) as daemon:
        assert daemon.ask("apply", paths=[str(proj / "link")])["code"] == 0
        (proj / "link").unlink()
        declare(proj / "x", "one", "echo theirs")
        declare(proj / "x", "two", "echo theirs")
        (proj / "link").symlink_to("x")
        looked(daemon, tmp_path / "real")
        assert names(daemon) == ["last", "one"]
        assert "echo mine" in says(daemon, "one")
        daemon.ask("delete", paths=[str(tmp_path / "real")])
        assert names(daemon) == []


def test_a_manifest_that_lies_elsewhere_is_refused_with_the_reason(
    proj: Path, tmp_path: Path
) -> None:
    declare(proj / "tools", "one")
    source = tmp_path / "src"
    source.mkdir()
    (source / "one.yaml").symlink_to("../proj/tools/one.yaml")
    with running(tmp_path / "home", **QUIET) as daemon:
        done = p42(daemon, source, "apply", "-f", ".")
        assert done.returncode == 3
        assert f"src/one.yaml:1:1: error: leads out of its source {source} by a link" in done.stderr
        assert f"put a copy here, or: p42 apply -f {proj}/tools/one.yaml" in done.stderr
        assert names(daemon) == []


def test_a_manifest_that_comes_to_lie_elsewhere_keeps_its_last_good_spec(
    proj: Path, tmp_path: Path
) -> None:
    file = declare(tmp_path / "src", "one", "echo mine")
    with running(tmp_path / "home", **QUIET) as daemon:
        daemon.ask("apply", paths=[str(tmp_path / "src")])
        theirs = declare(proj, "one", "echo theirs")
        file.unlink()
        file.symlink_to(theirs)
        found = until(daemon, lambda status: codes(status) == ["link-outside"])
        assert found["code"] == 2
        theirs.unlink()
        looked(daemon, tmp_path / "src")
        assert names(daemon) == ["last", "one"]
        assert "echo mine" in says(daemon, "one")
        file.unlink()
        looked(daemon, tmp_path / "src")
        assert names(daemon) == ["last"]


def test_a_followed_manifest_cannot_be_hidden_by_way_of_git(proj: Path, tmp_path: Path) -> None:
    """The reviewer's way: `git rm --cached` and `.git/info/exclude`, both outside of the source."""
    declare(proj / "m", "one")
    run(proj, "init", "-q")
    run(proj, "add", "m")
    run(proj, "commit", "-qm", "all")
    with running(tmp_path / "home", **QUIET) as daemon:
        daemon.ask("apply", paths=[str(proj / "m")])
        run(proj, "rm", "-q", "--cached", "m/one.yaml")
        (proj / ".git/info/exclude").write_text("m/one.yaml\n")
        run(proj, "commit", "-qm", "none")
        found = until(daemon, lambda status: bool(status["broken"]))
        assert (codes(found), found["inSync"], found["code"]) == (["git-ignored"], True, 0)
        applied = daemon.ask("apply", paths=[str(proj / "m")])
        assert applied["code"] == 0
        looked(daemon, proj / "m")
        assert names(daemon) == ["last", "one"]
    with running(tmp_path / "home", **QUIET) as daemon:
        looked(daemon, proj / "m")
        assert names(daemon) == ["last", "one"]
        (proj / "m" / "one.yaml").unlink()
        looked(daemon, proj / "m")
        assert names(daemon) == ["last"]


def test_a_home_behind_a_link_is_one_home(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to("disk")
    text = command("one")
    with running(tmp_path / "home", **QUIET) as daemon:
        assert daemon.ask("apply", stdin=text)["results"][0]["result"] == "created"
        again = daemon.ask("apply", stdin=text.replace("hello", "again"))
        assert again["results"][0]["result"] == "configured"
    with running(tmp_path / "home", **QUIET) as daemon:
        assert "echo again" in says(daemon, "one")
        sources = daemon.ask("diff")
        assert sources["steps"] == []
        assert daemon.ask("delete", refs=["command/one"])["results"][0]["result"] == "deleted"
        assert list((tmp_path / "disk/manifests/applied").glob("*.yaml")) == []


def p42(daemon: Daemon, where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "P42_HOME": str(daemon.home)}
    return subprocess.run([sys.executable, "-m", "p42", *words], capture_output=True, text=True,
                          env=env, stdin=subprocess.DEVNULL, check=False, timeout=60,
                          cwd=where)  # fmt: skip


def test_people_name_a_source_as_they_see_it_and_read_it_as_it_is(tmp_path: Path) -> None:
    declare(tmp_path / "real" / "deep" / "m", "one")
    (tmp_path / "way").symlink_to("real/deep")
    (tmp_path / "nowhere").symlink_to("nothing")
    with running(tmp_path / "home", **QUIET) as daemon:
        # Behind a link, `..` is where it leads: real, not this directory.
        assert p42(daemon, tmp_path, "apply", "-f", "way/../deep/m/").returncode == 0
        wide = p42(daemon, tmp_path, "get", "commands", "-o", "wide").stdout
        assert " real/deep/m/one.yaml:1\n" in wide
        inside = tmp_path / "way" / "m"
        assert " one.yaml:1\n" in p42(daemon, inside, "get", "commands", "-o", "wide").stdout
        assert p42(daemon, inside, "apply", "-f", "/proc/self/cwd").returncode == 0
        refused = p42(daemon, tmp_path, "apply", "-f", "nowhere")
        assert (refused.returncode, refused.stderr) == (3, "p42: nowhere: its link leads nowhere\n")
        assert p42(daemon, tmp_path, "delete", "-f", "way/m").returncode == 0
        assert names(daemon) == []


def test_another_programs_own_directory_is_no_source(tmp_path: Path) -> None:
    with running(tmp_path / "home", **QUIET) as daemon, pytest.raises(Exception, match="elsewhere"):
        daemon.ask("apply", paths=["/proc/self/cwd"])
