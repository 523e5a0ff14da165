"""kill -9 of the real daemon at any moment: the end is that of a run that nobody disturbed."""

from __future__ import annotations

import os
import random
import select
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.robust.box import P42, Box
from tests.e2e.robust.end import differences, end_of
from tests.e2e.robust.texts import account, agent, command, integration, joined, project, save

ROUNDS = int(os.environ.get("P42_TEST_KILLS", "15"))
SEED = int(os.environ.get("P42_TEST_SEED", "42"))
LONGEST = 0.8  # s from the start of the daemon to its death: start, first look, acts, statuses
TESTS = "  tests: [{expect: {stdout: '%s'}}]\n"
COMMANDS = [f"c{number}" for number in range(8)]
AGENTS = ["muse", "echo", "engineer"]


class Story:
    """Edits of a directory of all kinds, drawn from a seed; two of them end equal."""

    def __init__(self, where: Path, dice: random.Random) -> None:
        self.where, self.dice = where, dice

    def begin(self) -> None:
        save(self.where / "local.yaml", account("local", default=True))
        save(self.where / "pair.yaml", joined(integration("work"), project("numa")))
        for name in COMMANDS:
            self.command(name)
        for name in AGENTS:
            save(self.where / "agents" / f"{name}.yaml", agent(name))

    def command(self, name: str) -> None:
        word = f"{name} {self.dice.randrange(1000)}"
        more = TESTS % word if self.dice.random() < 0.3 else ""
        save(self.where / f"{name}.yaml", command(name, f"echo {word}", more=more))

    def edit(self) -> None:
        """One change a person may make: edits, breaks, takes away, moves, brings back."""
        name, ag = self.dice.choice(COMMANDS), self.dice.choice(AGENTS)
        path, there = self.where / f"{name}.yaml", self.where / "agents" / f"{ag}.yaml"
        match self.dice.randrange(7):
            case 0 | 1:
                self.command(name)
            case 2:
                path.unlink(missing_ok=True)
            case 3:
                save(path, command(name).replace("source", "sorce"))
            case 4:
                save(there, agent(ag, temperature=self.dice.randrange(9) / 10, tools=["work"]))
            case 5 if there.exists():
                there.rename(self.where / f"{ag}.yaml")
            case _:
                (self.where / f"{ag}.yaml").unlink(missing_ok=True)
                save(there, agent(ag))

    def end(self) -> None:
        """Whole and good again: from here on only the files count."""
        for path in self.where.glob("*.yaml"):
            path.unlink()
        self.begin()
        (self.where / f"{COMMANDS[-1]}.yaml").unlink()


def tamper(box: Box, dice: random.Random) -> None:
    """Somebody's hand in the commands."""
    path = box.forged(dice.choice(COMMANDS))
    if path.is_file():
        (path.unlink if dice.random() < 0.5 else lambda: path.chmod(0o600))()


def finished(box: Box) -> dict[str, Any]:
    """Settle, stop, and all that may be compared."""
    box("apply", "-f", str(box.manifests), "--prune", "--timeout", "40s")
    box.settled(*COMMANDS[:-1], *AGENTS, "local", "work", "numa")
    objects = box("get", "all", "-o", "json").json
    box.stop()
    box.ends()
    return end_of(box, objects)


def test_killed_at_random_moments_it_comes_to_the_same_end(box: Box, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    story = Story(box.manifests, dice)
    story.begin()
    box.serve("-f", str(box.manifests)).kill()
    for _ in range(ROUNDS):
        box.spawn()
        assert box.process is not None
        for _ in range(dice.randrange(1, 5)):
            select.select([], [], [], dice.random() * LONGEST / 3)
            story.edit()
            tamper(box, dice)
        box.kill()
    story.end()
    disturbed = finished(box.serve())

    calm = Box(tmp_path / "calm")
    try:
        shutil.rmtree(calm.manifests)
        shutil.copytree(box.manifests, calm.manifests, ignore=shutil.ignore_patterns(".p42"))
        undisturbed = finished(calm.apply())
    finally:
        calm.close()
    assert differences(disturbed, undisturbed) == []


@pytest.mark.parametrize("verb", ["apply", "delete", "stop"])
def test_killed_while_a_person_waits_the_person_is_told_and_trying_again_does_it(
    box: Box, verb: str
) -> None:
    for number in range(30):
        save(box.manifests / f"c{number}.yaml", command(f"c{number}"))
    box.serve()
    if verb != "apply":
        assert box("apply", "-f", str(box.manifests)).code == 0
    argv = [verb, *(["-f", str(box.manifests)] if verb != "stop" else [])]
    asking = subprocess.Popen([*P42, *argv], env=box.env, stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, text=True)  # fmt: skip
    forged = box.home / "commands"
    signs = {
        "apply": lambda: len(list(forged.glob("c*"))) > 3,
        "delete": lambda: len(list(forged.glob("c*"))) < 28,
        "stop": lambda: True,
    }
    box.until(signs[verb], "it is at it")
    box.kill()
    _, words = asking.communicate(timeout=60)
    assert "Traceback" not in words
    assert verb == "stop" or asking.returncode != 0 or "p42" in words
    again = box(*argv)
    assert again.code == 0 or (verb == "delete" and "is not followed" in again.err), again
    if verb == "stop":
        box.ends()
    else:
        left = 30 if verb == "apply" else 0
        box.until(lambda: len(list(forged.glob("c*"))) == left, "it was done in the end")
