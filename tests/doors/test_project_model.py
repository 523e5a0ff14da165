"""What a companion says of its model is what answers, whoever names it, and when it changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors.daemons import Daemon, running
from tests.doors.talking import applied, port, project, projects, recall
from tests.doors.vendor import account, agent, vendor
from tests.keeper.conftest import Client, until
from tests.providers.vendors import OpenAIServer


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAIServer]:
    with vendor(recall) as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path, model: OpenAIServer) -> Iterator[Daemon]:
    with projects(tmp_path, model.url) as started:
        yield started


def told(client: Client) -> tuple[str, str, str]:
    """Model of `health`, model and provider of `info`."""
    health, about = client.say({"type": "health"}), client.say({"type": "info"})
    return health["model"], about["model_name"], about["model_provider"]


def asked(client: Client, model: OpenAIServer) -> Any:
    """The model that a message is answered by."""
    assert client.say({"content": "hello"})["type"] == "response"
    return model.completions[-1].body["model"]


def test_the_model_of_the_agents_account_is_told(
    daemon: Daemon, tmp_path: Path, model: OpenAIServer
) -> None:
    """`engineer` names neither a model nor an account, and the companion named none."""
    client = Client(port(daemon, "milk"))
    assert told(client) == ("gpt-4o", "gpt-4o", "openai-compatible")
    assert asked(client, model) == "gpt-4o"
    client.close()


def test_another_model_of_the_account_reaches_who_is_connected(
    daemon: Daemon, tmp_path: Path, model: OpenAIServer
) -> None:
    client = Client(port(daemon, "milk"))
    client.say({"type": "ping"})
    before = daemon.ask("top")["items"][0]["pid"]
    path = account(tmp_path / "m", model.url)
    path.write_text(path.read_text().replace("gpt-4o", "gpt-5-nano"))
    applied(daemon, tmp_path)
    until(lambda: told(client)[0] == "gpt-5-nano", "it is told")
    assert told(client) == ("gpt-5-nano", "gpt-5-nano", "openai-compatible")
    assert asked(client, model) == "gpt-5-nano"
    agent(tmp_path / "m", "engineer", persona="Engineer", model="o9")
    applied(daemon, tmp_path)
    until(lambda: told(client)[0] == "o9", "it is told of the agent's own")
    project(tmp_path, "milk", project="Milk", agentRef="engineer", model="mine")
    applied(daemon, tmp_path)
    until(lambda: told(client)[0] == "mine", "and of the project's")
    assert asked(client, model) == "mine"
    assert daemon.ask("top")["items"][0]["pid"] == before  # nobody was cut off
    client.close()


def test_an_account_that_nobody_names_is_told_of_as_well(
    daemon: Daemon, tmp_path: Path, model: OpenAIServer
) -> None:
    """No agent, no account: the default one answers, and another one from when it is that."""
    project(tmp_path, "free", project="Free")
    applied(daemon, tmp_path)
    client = Client(port(daemon, "free"))
    assert told(client)[0] == asked(client, model) == "gpt-4o"
    main = account(tmp_path / "m", model.url)
    main.write_text(main.read_text().replace("default: true", "default: false"))
    other = account(tmp_path / "m", model.url, name="other")
    other.write_text(other.read_text().replace("gpt-4o", "gpt-6"))
    applied(daemon, tmp_path)
    until(lambda: told(client)[0] == "gpt-6", "it is told")
    assert asked(client, model) == "gpt-6"
    client.close()


def test_what_nobody_knows_is_an_empty_text(tmp_path: Path) -> None:
    """No account is there, nor a key in the environment."""
    (tmp_path / "m").mkdir()
    project(tmp_path, "lost")
    keys = dict.fromkeys(("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GROQ_API_KEY"), "")
    with running(tmp_path / "home", P42_PROJECTS_PORT_BASE="0", **keys) as daemon:
        applied(daemon, tmp_path)
        client = Client(port(daemon, "lost"))
        assert told(client) == ("", "", "")
        client.close()
    with running(
        tmp_path / "home", P42_PROJECTS_PORT_BASE="0", **{**keys, "OPENAI_API_KEY": "x"}
    ) as daemon:
        client = Client(port(daemon, "lost"))
        until(lambda: told(client) == ("gpt-4o", "gpt-4o", "openai"), "a key of the environment")
        client.close()


def test_nothing_is_to_be_done_where_no_daemon_looks(daemon: Daemon, tmp_path: Path) -> None:
    """A dry run without a daemon finds the same model, and so no step."""
    daemon.stop(signal.SIGUSR1)
    env = {**os.environ, "P42_HOME": str(tmp_path / "home"), "P42_PROJECTS_PORT_BASE": "0"}
    argv = [sys.executable, "-P", "-m", "p42", "diff", "-f", str(tmp_path / "m")]
    said = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stdout) == (2, ""), said.stderr  # `late` waits
