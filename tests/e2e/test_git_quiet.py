"""Git shows a change only when something really changed: status in committed files, real daemon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.scene import Scene

PATIENCE = 30.0  # s; a file is written at most every 5 s
QUIET = 6.5  # s nothing may change in: more than the writer's own pace

COMMAND = """\
# {name}: a comment that stays
apiVersion: p42.dev/v1
kind: Command
metadata: {{name: {name}}}
spec:
  source: echo {word}   # said by {name}
"""
AGENT = """\
apiVersion: p42.dev/v1
kind: Account
metadata:
  name: keyed
spec: {provider: openai, key: "env:NO_SUCH_VARIABLE_ANYWHERE"}
---
apiVersion: p42.dev/v1
kind: Agent
metadata:
  name: waits
spec:
  accountRef: keyed
"""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A git work tree with two commands, applied and committed with their status."""
    with Scene(tmp_path) as scene:
        scene.sh("git init -q -b main repo && cd repo && mkdir m")
        for name in ("one", "two"):
            (scene.work / "repo/m" / f"{name}.yaml").write_text(COMMAND.format(name=name, word=1))
        assert scene.sh("p42 apply -f m/").code == 0
        settle(scene, lambda: all("status:" in text(scene, name) for name in ("one", "two")))
        scene.sh("git add -A && git commit -qm 'with status'")
        assert changes(scene) == ""
        yield scene


def text(scene: Scene, name: str) -> str:
    """One manifest as it stands."""
    return (scene.work / "repo/m" / f"{name}.yaml").read_text()


def changes(scene: Scene) -> str:
    """What `git status` would show, untracked files of ours included."""
    return scene.sh("git status --porcelain").output.strip()


def settle(scene: Scene, true: Callable[[], bool]) -> None:
    """Wait for a condition, then until nothing in the tree has changed for a while."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, changes(scene)
        time.sleep(0.1)  # another process writes; there is nothing to wait on but the files


def stays_clean(scene: Scene) -> None:
    """Clean by now at the latest, and still after the writer had its time."""
    settle(scene, lambda: changes(scene) == "")
    time.sleep(QUIET)
    assert changes(scene) == ""


def test_restart_and_apply_again_change_nothing(scene: Scene) -> None:
    assert scene.sh("p42 restart && p42 apply -f m/").code == 0
    stays_clean(scene)


def test_branches_switch_and_switch_back(scene: Scene) -> None:
    scene.sh("git checkout -qb other")
    (scene.work / "repo/m/one.yaml").write_text(COMMAND.format(name="one", word=2))
    settle(scene, lambda: "observedSpec" in text(scene, "one"))
    scene.sh("p42 wait command/one --for Ready && git commit -qam 'other word'")
    assert changes(scene) == ""
    for branch in ("main", "other", "main"):
        answer = scene.sh(f"git checkout -q {branch}")
        assert answer.code == 0, answer.output
        stays_clean(scene)
    assert scene.sh("one").output == "1\n"


def test_a_clone_under_another_home_writes_the_same_bytes(scene: Scene) -> None:
    scene.sh("git clone -q . ../clone")
    answer = scene.sh("P42_HOME=$HOME/other p42 apply -f ../clone/m/")
    assert answer.code == 0, answer.output
    time.sleep(QUIET)
    assert scene.sh("git -C ../clone status --porcelain").output == ""
    assert scene.sh("P42_HOME=$HOME/other p42 stop").code == 0


def test_a_failing_resource_shows_as_its_block_and_its_dependants(scene: Scene) -> None:
    (scene.work / "repo/m/agents.yaml").write_text(AGENT)
    assert scene.sh("p42 apply -f m/").code == 2
    settle(scene, lambda: text(scene, "agents").count("status:") >= 2)
    assert changes(scene) == "?? m/agents.yaml"
    told = text(scene, "agents")
    assert "reason: KeyMissing" in told
    assert "reason: Waiting" in told
    assert "Account/keyed: KeyMissing" in told


def test_delete_takes_our_blocks_out_again(scene: Scene) -> None:
    assert scene.sh("p42 delete -f m/").code == 0
    assert text(scene, "one") == COMMAND.format(name="one", word=1)
    assert changes(scene).split() == ["M", "m/one.yaml", "M", "m/two.yaml"]


def test_typing_goes_on_while_the_status_flips(scene: Scene) -> None:
    """An editor that rewrites the file every few moments loses nothing to our writes."""
    path = scene.work / "repo/m/one.yaml"
    for word in range(2, 14):
        kept = text(scene, "one").partition("status:")[0]
        path.write_text(kept.replace(f"echo {word - 1} ", f"echo {word} "))
        time.sleep(0.3)
    settle(scene, lambda: "status:" in text(scene, "one") and "echo 13 " in text(scene, "one"))
    assert "# one: a comment that stays" in text(scene, "one")
    assert not list(path.parent.glob("*.p42-conflict"))
