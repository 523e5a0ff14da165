"""The trial of project CIs as one run: many declared, some spoken to, the daemon killed meanwhile.

`make trial-ci` declares a thousand.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from p42.wire.tekton import ci_name
from tests.e2e.robust.box import Box
from tests.e2e.robust.texts import project
from tests.keeper.conftest import Client

PROJECTS = int(os.environ.get("P42_TEST_PROJECTS", "60"))
SPOKEN = min(50, PROJECTS // 3)
ANSWER = 20.0  # s within which a chat is answered or told why not
AWAY = "p42 is not running"  # what a companion says of a daemon that is not there


class Visit:
    """A connection to one project that stays open for the whole trial."""

    def __init__(self, name: str, port: int) -> None:
        self.name, self._client = name, Client(port)
        self._asked = 0.0

    def greets(self) -> None:
        """Ping and health are answered, by the right companion."""
        pong = self._client.say({"type": "ping"})
        assert (pong["type"], pong["ai_id"]) == ("pong", ci_name(self.name))
        health = self._client.say({"type": "health"})
        assert (health["type"], health["ai_id"]) == ("health_response", ci_name(self.name))
        assert (health["status"], health["component"]) == ("healthy", self.name)

    def asks(self) -> None:
        """Something that its model has to answer."""
        self._asked = time.monotonic()
        said = {"type": "chat", "content": f"hello {self.name}"}
        self._client.sock.sendall(json.dumps(said).encode() + b"\n")

    def hears(self) -> str:
        """What it says to that: an answer, or an error that says why there is none."""
        answer = self._client.hear()
        assert time.monotonic() - self._asked < ANSWER
        assert answer["ai_id"] == ci_name(self.name)
        said = answer["content"] if answer["type"] == "response" else answer["error"]
        assert isinstance(said, str)
        assert said
        return said

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def declared(box: Box) -> Iterator[dict[str, int]]:
    """Name to port of what `p42 apply` made of PROJECTS manifests; then a clean stop."""
    names = [f"trial-{number}" for number in range(PROJECTS)]
    for name in names:
        (box.manifests / f"{name}.yaml").write_text(project(name))
    box.serve()
    began = time.monotonic()
    said = box("apply", "-f", str(box.manifests), "--timeout", "120s", timeout=150)
    assert said.code == 0, said.err
    print(f"\n{PROJECTS} applied in {time.monotonic() - began:.2f} s")
    items = box.ask("get", kind="projectci")["items"]
    ends = {item["metadata"]["name"]: item["status"]["endpoint"] for item in items}
    yield {name: int(end.rpartition(":")[2]) for name, end in ends.items()}
    box.stop()
    box.ends()


@pytest.mark.timeout(300)
def test_companions_answer_before_while_and_after_the_daemon_is_killed(
    box: Box, declared: dict[str, int]
) -> None:
    assert len(set(declared.values())) == PROJECTS
    assert set(declared.values()) <= listening()
    names = random.sample(sorted(declared), SPOKEN)
    early, late = names[: SPOKEN // 2], names[SPOKEN // 2 :]
    visits = [Visit(name, declared[name]) for name in early]
    for visit in visits:
        visit.greets()
        visit.asks()
        assert AWAY not in visit.hears()
    before = awake(box)
    box.kill()
    visits += [Visit(name, declared[name]) for name in late]  # woken with no daemon there
    for visit in visits:
        visit.greets()
        visit.asks()
    for visit in visits:  # all at once: each is told when it has waited a moment
        assert AWAY in visit.hears()
    box.serve()
    for visit in visits:
        visit.greets()
        visit.asks()
        assert AWAY not in visit.hears()
        visit.close()
    after = awake(box)
    assert set(after) == set(names)
    assert {name: after[name] for name in before} == before  # the same processes
    assert set(declared.values()) <= listening()
    print(f"{SPOKEN} of {PROJECTS} spoken to, {len(late)} of them with no daemon; none was lost")


def awake(box: Box) -> dict[str, int]:
    """Name to pid of the companions that run."""
    return {row["name"]: row["pid"] for row in box.ask("top")["items"] if row["pid"]}


def listening() -> set[int]:
    """Ports somebody listens on, by the kernel's table: to connect would wake a companion."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A"}
