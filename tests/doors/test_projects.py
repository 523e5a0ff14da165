"""Project CIs end to end: declared, spoken to, looked at, killed, restarted, given back."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.client import link
from p42.model.errors import P42Error
from tests.doors.daemons import Daemon, running
from tests.keeper.conftest import Client, alive, ping, until

P42 = [sys.executable, "-m", "p42"]


def project(name: str, **spec: Any) -> str:
    body = {"apiVersion": "p42.dev/v1", "kind": "ProjectCI", "metadata": {"name": name}}
    return json.dumps({**body, "spec": spec}) + "\n"


def apply(daemon: Daemon, *documents: str) -> dict[str, Any]:
    path = daemon.home.parent / "projects.yaml"
    path.write_text("---\n".join(documents))
    return daemon.ask("apply", paths=[str(path)])


def status(daemon: Daemon, name: str) -> dict[str, Any]:
    found = daemon.ask("get", kind="ci", names=[name])["items"][0]["status"]
    return {**found, **found["conditions"][0]}


def port(daemon: Daemon, name: str) -> int:
    return int(status(daemon, name)["endpoint"].rpartition(":")[2])


def answers(port: int) -> bool:
    try:
        return bool(ping(port)["type"] == "pong")
    except (OSError, TypeError):
        return False


def cli(daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "P42_HOME": str(daemon.home)}
    return subprocess.run(
        [*P42, *words], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def keeper(daemon: Daemon) -> int:
    return int((daemon.home / "run" / "keeper.lock").read_text() or 0)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path / "home") as started:
        yield started


def test_apply_opens_a_socket_and_the_first_word_wakes_who_answers(daemon: Daemon) -> None:
    answer = apply(daemon, project("numa", activation="always"), project("garden"))
    assert answer["code"] == 0, answer
    assert status(daemon, "garden")["state"] == "asleep"
    assert status(daemon, "numa")["state"] == "awake"
    assert ping(port(daemon, "garden"))["ai_id"] == "project-garden-ai"
    assert ping(port(daemon, "numa"))["ai_id"] == "numa-ai"
    until(lambda: status(daemon, "garden")["state"] == "awake", "the status has caught up")
    assert daemon.ask("diff")["steps"] == []


def test_the_file_says_auto_and_the_live_status_says_where(daemon: Daemon) -> None:
    apply(daemon, project("garden"))
    until(lambda: "endpoint" in (daemon.home.parent / "projects.yaml").read_text(), "written")
    text = (daemon.home.parent / "projects.yaml").read_text()
    assert "auto" in text
    assert str(port(daemon, "garden")) not in text


def test_a_deleted_project_gives_its_port_back(daemon: Daemon) -> None:
    apply(daemon, project("garden"), project("house"))
    ends = port(daemon, "garden")
    ping(ends)
    pid = daemon.ask("top")["items"][0]["pid"]
    assert apply(daemon, project("house"))["code"] == 0
    gone = "jsonpath=.status"
    assert daemon.ask("wait", refs=["ci/garden"], **{"for": "Deleted"})["code"] == 0, gone
    until(lambda: not alive(pid), "the child has ended")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ends)) != 0


def test_chat_names_what_is_missing_and_is_kept(daemon: Daemon) -> None:
    apply(daemon, project("numa"), project("garden"))
    said = cli(daemon, "chat", "garden", "hello", "there")
    assert said.returncode == 1
    assert "no account is declared; `p42 account add` declares one" in said.stderr
    assert "no account is declared" in cli(daemon, "chat", "numa", "hi").stderr
    log = until(lambda: cli(daemon, "logs", "ci/garden", "--messages").stdout, "it is written")
    assert "> hello there" in log
    nobody = cli(daemon, "chat", "gardn", "hi")
    assert nobody.returncode == 3
    assert "no project is called 'gardn', did you mean garden?" in nobody.stderr


def test_describe_and_top_and_list_tell_of_the_process(daemon: Daemon) -> None:
    apply(daemon, project("garden", project="The Garden"))
    ping(port(daemon, "garden"))
    pid = until(lambda: daemon.ask("top")["items"][0]["pid"], "it is awake")
    page = cli(daemon, "describe", "ci/garden").stdout
    for part in ("Process:", f"pid {pid}", "answered a probe in", "1 starts, 0 crashes"):
        assert part in page
    assert "1 sockets, 1 awake" in cli(daemon, "top").stdout
    listed = json.loads(cli(daemon, "project", "list", "-o", "json").stdout)["items"]
    assert [(each["project"], each["ci"]) for each in listed] == [
        ("The Garden", "project-garden-ai")
    ]


def test_a_changed_project_is_replaced_on_its_port(daemon: Daemon) -> None:
    apply(daemon, project("garden", context="one"))
    ends = port(daemon, "garden")
    client = Client(ends)
    client.say({"type": "ping"})
    assert apply(daemon, project("garden", context="two"))["code"] == 0
    assert port(daemon, "garden") == ends
    info = Client(ends)
    assert info.say({"type": "info"})["system_prompt"] == "two"
    for each in (client, info):
        each.close()


def test_who_squats_on_a_fixed_port_is_named_and_the_project_waits(daemon: Daemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        assert apply(daemon, project("garden", port=taken))["code"] == 2
        found = status(daemon, "garden")
        assert found["reason"] == "PortInUse"
        assert f"(pid {os.getpid()})" in found["message"]
    until(lambda: status(daemon, "garden")["status"] == "True", "the squatter's end was seen")
    assert ping(taken)["type"] == "pong"


def test_an_always_child_comes_back_and_a_loop_is_called_one(daemon: Daemon) -> None:
    apply(daemon, project("numa", activation="always"))
    for _ in range(3):
        pid = until(lambda: status(daemon, "numa").get("pid"), "it runs")
        os.kill(pid, signal.SIGKILL)
        until(lambda old=pid: status(daemon, "numa").get("pid") != old, "it was seen to end")
    until(lambda: status(daemon, "numa")["reason"] == "CrashLoopBackOff", "it is called a loop")
    assert ping(port(daemon, "numa"))["type"] == "pong"  # who speaks to it starts it all the same


def test_a_restart_leaves_children_and_connections_alone(daemon: Daemon) -> None:
    apply(daemon, project("garden"))
    client = Client(port(daemon, "garden"))
    client.say({"type": "ping"})
    before = keeper(daemon)
    daemon.stop(signal.SIGUSR1)
    assert client.say({"type": "ping"})["type"] == "pong"
    with running(daemon.home) as second:
        until(lambda: status(second, "garden").get("state") == "awake", "it is adopted")
        assert keeper(second) == before
        assert client.say({"type": "ping"})["type"] == "pong"
    client.close()


def test_a_stop_ends_children_and_keeper(daemon: Daemon) -> None:
    apply(daemon, project("numa", activation="always"))
    pids = [keeper(daemon), status(daemon, "numa")["pid"]]
    daemon.stop(signal.SIGTERM)
    assert not any(alive(pid) for pid in pids)


def test_a_killed_daemons_children_end_with_p42_stop(daemon: Daemon) -> None:
    apply(daemon, project("numa", activation="always"))
    pids = [keeper(daemon), status(daemon, "numa")["pid"]]
    daemon.stop(signal.SIGKILL)
    assert all(alive(pid) for pid in pids)
    assert "what it had left running is ended" in cli(daemon, "stop").stdout
    assert not any(alive(pid) for pid in pids)


def test_a_killed_keeper_is_replaced_and_everything_is_declared_again(daemon: Daemon) -> None:
    apply(daemon, project("numa", activation="always"), project("garden"))
    ports, old = [port(daemon, "numa"), port(daemon, "garden")], keeper(daemon)
    os.kill(old, signal.SIGKILL)
    until(lambda: keeper(daemon) != old, "a new keeper")
    until(lambda: all(map(answers, ports)), "all answer again")
    until(lambda: [status(daemon, n)["status"] for n in ("numa", "garden")] == ["True"] * 2, "all")
    assert [port(daemon, "numa"), port(daemon, "garden")] == ports


def test_a_token_that_is_no_companions_is_refused(daemon: Daemon) -> None:
    with pytest.raises(P42Error, match="belongs to no companion"):
        daemon.ask("answer", project="garden", token="guessed", content="spend money")


def test_what_p42_itself_runs_may_not_act_as_the_person(daemon: Daemon, tmp_path: Path) -> None:
    """A test of a command is such a program: it may look, and neither apply nor stop,
    nor make itself a key to another door."""
    script = tmp_path / "ask.py"
    script.write_text(
        "import sys\n"
        "from p42.client import link\n"
        "home = sys.argv[1]\n"
        "print(link.ask(home, 'overview', {})['inSync'] is not None)\n"
        "for verb in ('stop', 'apply', 'token.create'):\n"
        "    try:\n"
        "        link.ask(home, verb, {})\n"
        "    except Exception as error:\n"
        "        print(error)\n"
    )
    command = {
        "apiVersion": "p42.dev/v1", "kind": "Command", "metadata": {"name": "asks"},
        "spec": {
            "source": f"{sys.executable} {script} {daemon.home}\n",
            "tests": [{"expect": {
                "matches": "(?s)True.*stop is for a person.*apply is for a person"
                           ".*token.create is for a person"
            }}],
        },
    }  # fmt: skip
    (tmp_path / "asks.yaml").write_text(json.dumps(command))
    answer = daemon.ask("apply", paths=[str(tmp_path / "asks.yaml")])
    assert answer["code"] == 0, answer
    assert link.is_up(str(daemon.home))
