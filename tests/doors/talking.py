"""Projects to chat with: a daemon with two agents, two projects, and a model that repeats."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import account, agent
from tests.providers.vendors.script import Say


def recall(seen: Any) -> Say:
    """Whatever was said to it, and by which persona."""
    said = [m["content"] for m in seen.body["messages"] if m["role"] == "user"]
    return Say(f"{persona(seen.body)} heard: " + " | ".join(said))


def persona(body: Any) -> str:
    """The first line of the system text."""
    return str(body["messages"][0]["content"]).partition("\n")[0]


def project(root: Path, name: str, **spec: Any) -> None:
    """A manifest of a project in `root`/m."""
    body = {"apiVersion": "p42.dev/v1", "kind": "ProjectCI", "metadata": {"name": name},
            "spec": spec}  # fmt: skip
    (root / "m" / f"{name}-ci.json").write_text(json.dumps(body))


@contextmanager
def projects(root: Path, url: str) -> Iterator[Daemon]:
    """`tea` and `milk`, answered by `engineer`; `muse` is there as well, and `late` waits."""
    (root / "tea").mkdir(parents=True)
    (root / "tea" / "README.md").write_text("# Tea\n\nBrews tea with care.\n")
    account(root / "m", url)
    agent(root / "m", "engineer", persona="Engineer")
    agent(root / "m", "muse", persona="Muse")
    agent(root / "m", "smith", persona="Smith", forge="true")
    agent(root / "m", "late", persona="Late", accountRef="nowhere")
    project(root, "tea", project="Tea Time", path="../tea", agentRef="engineer", context="Hot.")
    project(root, "milk", project="Milk", agentRef="engineer")
    with running(root / "home", P42_PROJECTS_PORT_BASE="0") as daemon:
        applied(daemon, root)
        yield daemon


def applied(daemon: Daemon, root: Path) -> None:
    """The manifests as they stand now are real."""
    results = daemon.ask("apply", paths=[str(root / "m")])["results"]
    assert {each["ready"] for each in results if each["name"] != "late"} == {"True"}, results


def port(daemon: Daemon, name: str) -> int:
    """Where a project listens, as soon as it does."""
    daemon.ask("wait", refs=[f"projectci/{name}"])
    item = daemon.ask("get", kind="projectci", names=[name])["items"][0]
    return int(str(item["status"]["endpoint"]).rpartition(":")[2])


def chat(daemon: Daemon, name: str, text: str) -> Any:
    """As a Tekton client does."""
    with socket.create_connection(("127.0.0.1", port(daemon, name)), timeout=PATIENCE) as door:
        door.sendall(json.dumps({"type": "chat", "content": text}).encode() + b"\n")
        return json.loads(door.makefile("rb").readline())
