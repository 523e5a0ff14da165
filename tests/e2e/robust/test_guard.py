"""Losing most of a source is an accident until somebody says that it was meant."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.robust.box import Box
from tests.e2e.robust.texts import command, save

NAMES = [f"c{number}" for number in range(7)]


@pytest.fixture
def seven(box: Box) -> Box:
    for name in NAMES:
        save(box.manifests / f"{name}.yaml", command(name))
    box.apply()
    box.settled(*NAMES)
    return box


def held(box: Box) -> list[str]:
    return sorted(box.overview()["held"])


def intact(box: Box, names: list[str] = NAMES) -> bool:
    return all(box.runs(name) == f"{name}\n" for name in names)


def lose(box: Box, names: list[str]) -> None:
    for name in names:
        (box.manifests / f"{name}.yaml").unlink()


@pytest.mark.parametrize("dead", [False, True], ids=["running", "while-it-was-dead"])
def test_losing_most_of_a_source_is_held_until_prune(seven: Box, dead: bool) -> None:
    box, lost = seven, NAMES[:4]
    if dead:
        box.kill()
    lose(box, lost)
    if dead:
        box.serve()
    box.until(lambda: held(box) == [f"Command/{name}" for name in lost], "the four are held")
    status = box("get", "status")
    assert status.code == 2
    assert "--prune" in status.out + status.err
    applied = box("apply", "-f", str(box.manifests))
    assert applied.code == 2
    assert "--prune" in applied.out + applied.err
    assert intact(box)
    box.restart(dead=True)
    box.until(lambda: held(box) == [f"Command/{name}" for name in lost], "held after a restart")
    assert intact(box)
    pruned = box("apply", "-f", str(box.manifests), "--prune", "-o", "json")
    assert pruned.code == 0, pruned
    gone = {r["name"] for r in pruned.json["results"] if r["result"] == "pruned"}
    assert gone == set(lost)
    box.settled(*NAMES[4:])
    assert sorted(p.name for p in box.forged("").glob("c*")) == NAMES[4:]


def test_files_that_come_back_end_the_hold(seven: Box) -> None:
    lose(seven, NAMES[:5])
    seven.until(lambda: held(seven), "held")
    seven.restart()
    for name in NAMES[:5]:
        save(seven.manifests / f"{name}.yaml", command(name))
    seven.settled(*NAMES)
    assert held(seven) == []
    assert not [act for act in seven.acts() if act[1] == "RemoveFile"]


def test_losing_three_of_seven_is_everyday_work(seven: Box) -> None:
    lose(seven, NAMES[:3])
    seven.settled(*NAMES[3:])
    assert not seven.forged(NAMES[0]).exists()


@pytest.mark.parametrize("dead", [False, True], ids=["running", "while-it-was-dead"])
def test_a_source_that_vanished_is_held_and_comes_back(seven: Box, dead: bool) -> None:
    box, away = seven, seven.root / "away"
    if dead:
        box.kill()
    box.manifests.rename(away)
    if dead:
        box.serve()
    box.until(lambda: len(held(box)) == len(NAMES), "all are held")
    assert box("get", "status").code == 2
    assert intact(box)
    away.rename(box.manifests)
    box.settled(*NAMES)
    assert not [act for act in box.acts() if act[1] == "RemoveFile"]


def test_an_emptied_source_is_held(seven: Box) -> None:
    shutil.rmtree(seven.manifests)
    seven.manifests.mkdir()
    seven.until(lambda: len(held(seven)) == len(NAMES), "all are held")
    assert intact(seven)
    seven.restart(dead=True)
    seven.until(lambda: len(held(seven)) == len(NAMES), "all are held after a restart")
    assert intact(seven)


def test_whoever_deletes_their_only_manifest_means_it(box: Box) -> None:
    path = save(box.manifests / "only.yaml", command("only"))
    box.apply()
    path.unlink()
    box.until(lambda: not box.forged("only").exists(), "gone")
    assert held(box) == []
