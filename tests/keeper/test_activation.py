"""Sockets on demand: held by the keeper, answered by a child that comes with the first client."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

from tests.keeper.conftest import Client, Daemon, alive, declaration, ping, until


def test_a_declared_port_answers_connect_and_no_child_exists(daemon: Daemon, run: Path) -> None:
    unit = daemon.ask("declare", **declaration(run, "quiet"))["unit"]
    assert (unit["state"], unit["pid"]) == ("asleep", 0)
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, unit["port"])).close()


def test_the_first_connection_brings_the_child(daemon: Daemon, run: Path) -> None:
    unit = daemon.ask("declare", **declaration(run, "alpha"))["unit"]
    assert ping(unit["port"])["ai_id"] == "project-alpha-ai"
    assert daemon.unit("ProjectCI/alpha")["state"] == "awake"


def test_requests_queue_while_the_child_starts(daemon: Daemon, run: Path) -> None:
    port = daemon.ask("declare", **declaration(run, "busy"))["unit"]["port"]
    clients = [Client(port) for _ in range(50)]
    for client in clients:
        client.sock.sendall(b'{"type":"ping"}\n')
    assert all(client.hear()["type"] == "pong" for client in clients)
    assert daemon.unit("ProjectCI/busy")["starts"] == 1
    for client in clients:
        client.close()


def test_an_idle_child_retires_and_the_port_stays_open(daemon: Daemon, run: Path) -> None:
    port = daemon.ask("declare", **declaration(run, "idle", idle=0.05))["unit"]["port"]
    ping(port)
    daemon.event("exited")
    assert daemon.unit("ProjectCI/idle")["state"] == "asleep"
    assert ping(port)["type"] == "pong"


def test_nobody_is_refused_while_children_retire(daemon: Daemon, run: Path) -> None:
    port = daemon.ask("declare", **declaration(run, "brief", idle=0.001))["unit"]["port"]
    answered = [ping(port)["type"] for _ in range(15)]
    assert answered == ["pong"] * 15


def test_another_digest_replaces_the_child_without_a_refusal(daemon: Daemon, run: Path) -> None:
    port = daemon.ask("declare", **declaration(run, "beta", always=True))["unit"]["port"]
    first = daemon.event("awake")["pid"]
    for number in range(5):
        changed = declaration(run, "beta", always=True, digest=f"d{number}", port=port)
        daemon.ask("declare", **changed)
        assert ping(port)["type"] == "pong"
    until(lambda: not alive(first), "the first child has drained")
    assert daemon.unit("ProjectCI/beta")["childDigest"] == "d4"


def test_what_the_digest_does_not_cover_reaches_the_child_that_runs(
    daemon: Daemon, run: Path
) -> None:
    """Another model of an account replaced every companion, and cut off who was connected."""

    def declared(model: str, wish: str) -> Any:
        body = declaration(run, "hot", wish=wish)
        return daemon.ask("declare", **{**body, "spec": {**body["spec"], "model": model}})["unit"]

    port = declared("one", "w1")["port"]
    client = Client(port)
    client.sock.sendall(b'{"type":"health"}\n')
    assert declared("two", "w2")["wish"] == "w2"  # while it is being forked, or after
    assert client.hear()["model"] in ("one", "two")
    until(lambda: client.say({"type": "health"})["model"] == "two", "it is told")
    pid = daemon.unit("ProjectCI/hot")["pid"]
    declared("three", "w3")
    until(lambda: client.say({"type": "health"})["model"] == "three", "it is told again")
    assert client.say({"type": "info"})["model_name"] == "three"
    assert daemon.unit("ProjectCI/hot")["pid"] == pid
    os.kill(pid, signal.SIGKILL)
    daemon.event("exited")
    client.close()
    again = Client(port)
    assert again.say({"type": "health"})["model"] == "three"  # the next one is born with it
    again.close()


def test_a_child_that_was_killed_comes_back_with_the_next_client(daemon: Daemon, run: Path) -> None:
    port = daemon.ask("declare", **declaration(run, "gamma"))["unit"]["port"]
    ping(port)
    os.kill(daemon.unit("ProjectCI/gamma")["pid"], signal.SIGKILL)
    assert daemon.event("exited")["code"] == -signal.SIGKILL
    assert ping(port)["type"] == "pong"


def test_a_port_that_is_taken_is_an_answer_not_an_end(daemon: Daemon, run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        answer = daemon.ask("declare", **declaration(run, "late", port=taken))
    assert answer["errno"] == 98
    assert daemon.ask("table")["units"] == []


def test_dropping_a_unit_closes_its_port_and_ends_its_child(daemon: Daemon, run: Path) -> None:
    port = daemon.ask("declare", **declaration(run, "delta"))["unit"]["port"]
    ping(port)
    pid = daemon.unit("ProjectCI/delta")["pid"]
    daemon.ask("drop", name="ProjectCI/delta")
    until(lambda: not alive(pid), "the child is gone")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_probe_comes_back_with_its_nonce(daemon: Daemon, run: Path) -> None:
    port = daemon.ask("declare", **declaration(run, "eps"))["unit"]["port"]
    message = {"op": "probe", "nonce": "n1"}
    assert daemon.ask("relay", name="ProjectCI/eps", message=message)["awake"] is False
    ping(port)
    daemon.ask("relay", name="ProjectCI/eps", message=message)
    assert daemon.event("said")["nonce"] == "n1"
