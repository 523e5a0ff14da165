"""diff: standard input, and what no step makes ready; with a daemon and without.

Every answer is asked for twice, of the daemon and worked out here: they are the same.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.daemon import offline_plan
from p42.model.errors import InvalidInput
from tests.doors.daemons import Daemon, command, declare, running
from tests.doors.test_projects import keeper, project
from tests.keeper.conftest import alive, until


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path / "home") as started:
        yield started


def diff(daemon: Daemon, stdin: str | None = None, *paths: Path) -> Any:
    given = {"paths": [str(path) for path in paths], "stdin": stdin}
    online = daemon.ask("diff", **given)
    assert dict(offline_plan(daemon.home, given["paths"], stdin=stdin)) == online
    return online


def names(answer: Any) -> set[str]:
    return {step["name"] for step in answer["steps"]}


def test_standard_input_stands_in_for_what_was_kept_of_it(daemon: Daemon) -> None:
    kept = daemon.home / "manifests" / "applied"
    one, two = command("one"), command("two")
    assert names(diff(daemon, f"{one}---\n{two}")) == {"one", "two"}
    assert not kept.exists()
    daemon.ask("apply", stdin=one)
    assert diff(daemon, one) == {"steps": [], "code": 0}
    changed = diff(daemon, command("one", "echo other"))
    assert (names(changed), changed["code"]) == ({"one"}, 2)
    assert names(diff(daemon, f"{one}---\n{two}")) == {"two"}
    assert [path.name for path in kept.glob("*.yaml")] == ["command-one.yaml"]
    assert "other" not in (kept / "command-one.yaml").read_text()
    dry = daemon.ask("apply", stdin=command("one", "echo other"), dryRun=True)
    assert dry["steps"] == changed["steps"]
    assert diff(daemon) == {"steps": [], "code": 0}


def test_standard_input_and_paths_are_planned_together(daemon: Daemon, tmp_path: Path) -> None:
    source = declare(tmp_path / "source", "hello").parent
    assert names(diff(daemon, command("one"), source)) == {"one", "hello"}


def test_standard_input_that_does_not_hold_has_no_plan(daemon: Daemon, tmp_path: Path) -> None:
    declare(tmp_path / "source", "hello")
    daemon.ask("apply", paths=[str(tmp_path / "source")])
    for ask in (
        lambda text: daemon.ask("diff", stdin=text),
        lambda text: offline_plan(daemon.home, [], stdin=text),
    ):
        with pytest.raises(InvalidInput) as caught:
            ask(command("one") + "---\n" + command("Two"))
        assert caught.value.diagnostics[0].file == "<stdin>"
        with pytest.raises(InvalidInput, match=r"hello\.yaml:1"):
            ask(command("hello", "echo other"))


def test_standard_input_is_planned_in_a_home_that_is_not_there(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert names(offline_plan(home, [], stdin=command("one"))) == {"one"}
    assert not home.exists()


def test_what_no_step_makes_ready_is_a_difference(daemon: Daemon, tmp_path: Path) -> None:
    path = declare(tmp_path / "source", "hello")
    text = command("hello").replace(
        '"spec": {', '"spec": {"tests": [{"expect": {"exitCode": 7}}], '
    )
    path.write_text(text)
    assert daemon.ask("apply", paths=[str(path.parent)])["code"] == 1
    answer = diff(daemon)
    assert (answer["steps"], answer["code"]) == ([], 2)
    (stuck,) = answer["notReady"]
    assert (stuck["name"], stuck["reason"]) == ("hello", "TestsFailed")
    assert diff(daemon, command("other"), path.parent)["notReady"] == [stuck]
    assert "notReady" not in diff(daemon, command("other"))


def test_held_deletions_are_a_difference_until_they_are_pruned(
    daemon: Daemon, tmp_path: Path
) -> None:
    paths = [declare(tmp_path / "source", name) for name in ("a", "b", "c")]
    source = str(tmp_path / "source")
    daemon.ask("apply", paths=[source])
    for path in paths:
        path.unlink()
    answer = diff(daemon)
    assert answer == {"steps": [], "held": ["Command/a", "Command/b", "Command/c"], "code": 2}
    pruned = daemon.ask("diff", prune=True)
    assert (names(pruned), "held" in pruned) == ({"a", "b", "c"}, False)


def test_a_broken_manifest_is_a_difference(daemon: Daemon, tmp_path: Path) -> None:
    path = declare(tmp_path / "source", "hello")
    daemon.ask("apply", paths=[str(path.parent)])
    path.write_text(command("hello").replace("source", "sourse"))
    answer = diff(daemon)
    assert (answer["steps"], answer["code"]) == ([], 2)
    assert answer["broken"][0]["file"] == str(path)


def _sockets(daemon: Daemon, tmp_path: Path) -> tuple[int, dict[str, Any]]:
    """The keeper that a killed daemon left with a project's socket, and what it held."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "p.yaml").write_text(project("garden"))
    daemon.ask("apply", paths=[str(source)])
    daemon.stop(signal.SIGKILL)
    return keeper(daemon), {"steps": [], "code": 0}


def test_a_socket_that_a_killed_daemons_keeper_holds_is_no_step(
    daemon: Daemon, tmp_path: Path
) -> None:
    holds, nothing = _sockets(daemon, tmp_path)
    assert dict(offline_plan(daemon.home, [])) == nothing
    with running(daemon.home) as second:
        until(lambda: diff(second) == nothing, "the same with a daemon, and it is not disturbed")
        assert keeper(second) == holds
        os.kill(holds, signal.SIGKILL)
        until(lambda: keeper(second) != holds, "a fresh keeper")
        second.stop(signal.SIGTERM)
        assert [step["step"] for step in offline_plan(daemon.home, [])["steps"]] == ["Declare"]


def test_what_a_silent_keeper_holds_is_told_as_unseen(daemon: Daemon, tmp_path: Path) -> None:
    holds, _ = _sockets(daemon, tmp_path)
    os.kill(holds, signal.SIGSTOP)
    try:
        answer = offline_plan(daemon.home, [])
    finally:
        os.kill(holds, signal.SIGCONT)
    assert (answer["steps"], answer["code"]) == ([], 2)
    (unseen,) = answer["notReady"]
    assert "cannot be seen: the keeper lives, and does not answer" in unseen["message"]
    os.kill(holds, signal.SIGTERM)
    until(lambda: not alive(holds), "it has ended")
