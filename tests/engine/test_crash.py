"""Crash anywhere, same end: before and after every effect, ledger write and status write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.engine.home import Home, virtually

Phase = Callable[[Home], None]


class Crash(BaseException):
    """The daemon is no more."""


@dataclass
class Points:
    """Counts the points at which it could die, and dies at one of them; 0 = at none."""

    at: int
    passed: int = 0

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise Crash


def begin(home: Home) -> None:
    home.save("pots.yaml", "Pot outer\nPot inner inside=outer")
    home.save("a.yaml", "Note a text=x pot=inner\nNote b text=y slow=build")
    home.save("c.yaml", "Note c text=z\nNote kept text=k @p42.dev/deletion-policy=retain")


def edit_move_and_break(home: Home) -> None:
    home.save("a.yaml", "Note a text=edited pot=inner")
    home.save("b.yaml", "Note b text=moved slow=again")
    home.save("c.yaml", "Note c text=!\nNote kept text=k @p42.dev/deletion-policy=retain")


def take_away(home: Home) -> None:
    home.remove("pots.yaml")
    home.save("a.yaml", "Note a text=alone")
    home.save("c.yaml", "Note c text=mended")


PHASES: tuple[Phase, ...] = (begin, edit_move_and_break, take_away)


def end_of(home: Home) -> dict[str, Any]:
    """All that may be compared: reality, ledger, status."""
    return {
        "real": home.real(),
        "entries": {str(e.ref): (e.resource.spec, e.generation) for e in home.ledger.entries()},
        "bodies": {str(ref): body for ref, body in home.written.bodies.items()},
        "sources": len(home.ledger.sources()),
    }


def play(at: int) -> tuple[dict[str, Any], int, list[tuple[str, str]]]:
    """The whole story with a crash at that point; its end, and how many points there were."""
    points = Points(at)

    async def story() -> dict[str, Any]:
        with TemporaryDirectory() as root:
            home = Home(Path(root))
            home.land.around = home.ledger.around = home.written.around = points
            for phase in PHASES:
                phase(home)
                try:
                    async with home.running():
                        pass
                except* Crash:
                    async with home.running():
                        pass
            acts.extend(home.land.acts)
            return end_of(home)

    acts: list[tuple[str, str]] = []
    return virtually(story), points.passed, acts


def test_a_crash_at_any_point_comes_to_the_same_end() -> None:
    undisturbed, points, _ = play(at=0)
    assert undisturbed["real"] == {
        "Note/a": "#p42\nalone", "Note/b": "#p42\nmoved", "Note/c": "#p42\nmended",
        "Note/kept": "#p42\nk",
    }  # fmt: skip
    assert points > 60
    for at in range(1, points + 1):
        assert play(at)[0] == undisturbed, f"crashed at point {at} of {points}"


def test_a_crash_repeats_at_most_the_one_effect_it_hit() -> None:
    _, points, undisturbed = play(at=0)
    for at in range(1, points + 1):
        assert len(play(at)[2]) <= len(undisturbed) + 1
