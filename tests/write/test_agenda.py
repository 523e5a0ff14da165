"""Agenda: what is written when, in times of our own."""

from __future__ import annotations

from pathlib import Path

from p42.manifest.write.agenda import MANY, Agenda
from p42.manifest.write.draft import Wanted
from p42.manifest.write.verdict import Pace
from tests.write import scene

PACE = Pace(gather=1.0, gather_limit=2.0, burst=10.0)


def _agenda(root: Path, count: int, *, apart: float) -> tuple[Agenda, float]:
    """Statuses of `count` files, one after the other; when the last came."""
    agenda, now = Agenda(PACE), 0.0
    for number in range(count):
        path = root / f"{number}.yaml"
        path.write_text(scene.manifest(f"c{number}"))
        agenda.add(Wanted(scene.resource(path), {}), now)
        now += apart
    return agenda, now - apart


def test_many_files_wait_for_the_end_of_the_burst(tmp_path: Path) -> None:
    agenda, last = _agenda(tmp_path, MANY, apart=0.1)
    assert agenda.next(last) == last + 1.0
    assert agenda.due(last, 9) == []
    assert len(agenda.due(last + 1.0, 9)) == 9


def test_few_files_go_at_their_own_pace(tmp_path: Path) -> None:
    agenda, last = _agenda(tmp_path, MANY - 1, apart=0.1)
    assert agenda.next(last) == 1.0
    assert agenda.due(last, 9)


def test_a_burst_without_end_holds_nobody_for_longer_than_its_limit(tmp_path: Path) -> None:
    agenda, last = _agenda(tmp_path, 3 * MANY, apart=0.1)
    assert last > PACE.burst
    assert agenda.due(last, 9)


def test_a_deletion_does_not_wait_for_a_burst(tmp_path: Path) -> None:
    agenda, last = _agenda(tmp_path, MANY, apart=0.1)
    agenda.add(Wanted(scene.resource(tmp_path / "0.yaml"), None), last)
    assert agenda.due(last + 0.01, 9)
