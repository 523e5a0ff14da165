"""Stopped dead before and after every effect of every kind, it comes to the same end.

The daemon is the real one, with its stores, files, keeper and status writer; only its death is
arranged. Each point is played on the same beginning: dead there, started again, asked again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

from p42.client import link
from p42.model.errors import P42Error
from tests.e2e.robust import dying
from tests.e2e.robust.box import PATIENCE, Box
from tests.e2e.robust.end import differences, end_of
from tests.e2e.robust.texts import account, agent, command, integration, joined, project, save

CALLS = bool(os.environ.get("P42_TEST_CALLS"))  # system calls too: minutes, not seconds
# `make test` plays every fourth point, `make bench-crash` all of them; tests/engine plays every
# point of the loop alone in virtual time.
STEP = 1 if CALLS or os.environ.get("P42_TEST_EVERY") else 4
TESTS = "  tests: [{expect: {stdout: '%s'}}]\n"
ADOPT = '{name: adopted, annotations: {p42.dev/adopt: "true"}}'
KINDS = {  # what the effects of a kind's steps are called
    "DiskFiles.", "KeeperUnits.", "SqliteRegistry.", "SqlitePortLeases.", "SqliteWorks.start",
}  # fmt: skip


def begin(box: Box) -> None:
    """All kinds, and all ways in which a command comes to be."""
    m = box.manifests
    save(m / "kinds.yaml", joined(account("local", default=True), integration("work"),
         agent("muse", tools=["work"]), project("numa", agentRef="muse")))  # fmt: skip
    save(m / "plain.yaml", command("plain", more="  dependencies: [sh]\n"))
    save(m / "tried.yaml", command("tried", more=TESTS % "tried"))
    save(m / "adopted.yaml", command("adopted").replace("{name: adopted}", ADOPT))
    save(box.forged("adopted"), "#!/bin/sh\necho theirs\n")


def change(box: Box) -> None:
    """Edits, and a hand in the commands: each kind of step that changes what is there."""
    m = box.manifests
    save(m / "kinds.yaml", joined(account("local", default=True, models=["m"]),
         integration("work", actions=["a"]), agent("muse", tools=["work"], temperature=1),
         project("numa", agentRef="muse", context="other")))  # fmt: skip
    save(m / "tried.yaml", command("tried", "echo again", more=TESTS % "again"))
    box.forged("plain").chmod(0o600)
    box.forged("adopted").unlink()
    box.forged("adopted").mkdir()


def nothing(box: Box) -> None:
    """`delete -f` itself is the change."""


@dataclass(frozen=True)
class Phase:
    """Prepared while no daemon runs; then asked of it."""

    prepare: Callable[[Box], None]
    verb: str


PHASES = {"create": Phase(begin, "apply"), "change": Phase(change, "apply"),
          "delete": Phase(nothing, "delete")}  # fmt: skip


def play(box: Box, phase: Phase, *, at: str = "") -> bool:
    """One daemon from start to stop, or to its death at `at`; whether it lived."""
    daemon = dying.start(box.root, at=at, calls=CALLS)
    home = str(box.home)
    try:
        box.until(lambda: not daemon.is_alive() or link.is_up(home), "up or dead")
        ask(box, phase, daemon)
        link.ask(home, "stop", {}, timeout=PATIENCE)
        daemon.join(PATIENCE)
    except P42Error:
        daemon.join(2.0)  # it died under the question
    finally:
        code = daemon.exitcode
        daemon.kill()
        daemon.join()
    assert code in (0, -9), f"exit code {code}:\n{box.log()}"
    return code == 0


def ask(box: Box, phase: Phase, daemon: BaseProcess) -> None:
    payload = {"paths": [str(box.manifests)]}
    try:
        answer = link.ask(str(box.home), phase.verb, payload, timeout=PATIENCE)
        assert answer["code"] == 0, [r for r in answer["results"] if r["reason"] != "Reconciled"]
    except P42Error as error:
        if "is not followed" not in str(error):  # forgotten before it died: being taken down
            raise
    gone = phase.verb == "delete"

    def settled() -> bool:
        if not daemon.is_alive():
            return True
        now = box.overview()
        return now["inSync"] and not (gone and now["items"])

    box.until(settled, "settled, or dead")


class Stage:
    """The beginning of a phase, to be set up again for each point."""

    def __init__(self, box: Box, name: str) -> None:
        self._box, self._kept = box, box.root / "kept"
        for earlier in PHASES:
            PHASES[earlier].prepare(box)
            if earlier == name:
                break
            assert play(box, PHASES[earlier])
        self._kept.mkdir()
        for part in (box.home, box.manifests):
            shutil.copytree(part, self._kept / part.name, symlinks=True)

    def set(self) -> None:
        (self._box.root / "points").unlink(missing_ok=True)
        for part in (self._box.home, self._box.manifests):
            shutil.rmtree(part)
            shutil.copytree(self._kept / part.name, part, symlinks=True)


def effects(box: Box) -> list[str]:
    """Finished effects of kinds, since the stage was set."""
    done = [p.removeprefix("after ") for p in dying.points(box.root) if p.startswith("after ")]
    return [p for p in done if any(p.startswith(kind) for kind in KINDS)]


def _dies(box: Box, phase: Phase, stage: Stage, at: str) -> bool:
    """Whether it died at that point. Which of several workers comes first is the machine's, so a
    point that was not reached is played once more."""
    for _ in range(2):
        stage.set()
        if not play(box, phase, at=at):
            return True
    return False


@pytest.mark.timeout(3600 if STEP == 1 else 120)
@pytest.mark.parametrize("half", [0, 1], ids=["even", "odd"])  # for two cores
@pytest.mark.parametrize("name", PHASES)
def test_dead_before_and_after_every_effect_it_comes_to_the_same_end(
    box: Box, name: str, half: int
) -> None:
    phase, stage = PHASES[name], Stage(box, name)
    stage.set()
    assert play(box, phase)
    box.ends()
    undisturbed: dict[str, Any] = end_of(box)
    work, all_points = effects(box), sorted(dying.points(box.root))[half::2]
    assert len(all_points) > 10, all_points
    hit, wrong, played = 0, [], all_points[::STEP]
    for at in played:
        if _dies(box, phase, stage, at):
            hit += 1
            assert play(box, phase), f"after dying at {at}:\n{box.log()}"
        wrong += [f"{at}: {each}" for each in differences(end_of(box), undisturbed)]
        if len(effects(box)) > len(work) + 2:
            wrong.append(f"{at}: double work: {effects(box)}")
        box.ends()
    assert wrong == []
    assert hit >= len(played) * 0.8, f"only {hit} of {len(played)} points were hit"
    assert wrong == []
    # Which of several workers comes first is the machine's; a few points are not reached again.
    assert hit >= len(played) * (0.8 if STEP == 1 else 0.5), f"{hit} of {len(played)} were hit"
