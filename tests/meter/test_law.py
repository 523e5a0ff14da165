"""Law: whatever happens in whatever order, what is spent and set aside is what a simple model says.

Steps: reserve, settle (also twice), a kill, a restart, a database taken away, a clock that goes or
is set. The model knows no files: a dictionary of what is under way and one of what was spent.
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from p42.ai.meter.meter import Reservation
from p42.ai.meter.refusals import Repeated
from p42.model.completion import Usage
from p42.model.errors import Blocked
from p42.stores.meter.audit import summed, verified
from p42.stores.state.database import Database
from tests.meter.scene import DAY, Scene, Timepiece, hard, killed

BUDGET = 10_000
SPEC = hard(0.01)
TOKENS = st.integers(0, 6_000)


class Metered(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(prefix="p42-law-")
        self.runner = asyncio.Runner()
        self.home, self.clock = Path(self.directory.name) / "home", Timepiece()
        self.under_way: dict[str, tuple[Reservation, str, int]] = {}
        self.billed: dict[str, int] = {}
        self.spent: dict[str, int] = {}
        self.guessed: list[int] = []
        self.count = 0
        self.open()

    def flush(self) -> None:
        """Of a bill that was told and not written yet, a kill would leave one or the other."""
        self.run(self.scene.meter.flush())

    def open(self) -> None:
        self.database = Database.open(self.home)
        self.scene = self.run(self._scene())
        for request, (_, month, worst) in self.under_way.items():
            self._bill(request, month, worst)
            self.guessed.append(worst)
        self.under_way.clear()

    async def _scene(self) -> Scene:
        return Scene(self.database, self.clock)

    def run(self, what: Any) -> Any:
        return self.runner.run(what)

    @property
    def month(self) -> str:
        return datetime.fromtimestamp(self.clock.at, UTC).strftime("%Y-%m")

    @property
    def used(self) -> int:
        """In this month or a later one, and what is under way."""
        later = sum(cost for month, cost in self.spent.items() if month >= self.month)
        return later + sum(worst for _, _, worst in self.under_way.values())

    def _bill(self, request: str, month: str, cost: int) -> None:
        self.billed[request] = cost
        self.spent[month] = self.spent.get(month, 0) + cost

    @rule(worst=TOKENS)
    def reserve(self, worst: int) -> None:
        self.count += 1
        request = f"r{self.count}"
        fits = worst == 0 or self.used + worst <= BUDGET
        if not fits:
            with pytest.raises(Blocked):
                self.run(self.scene.reserve(SPEC, worst, request=request))
            return
        made = self.run(self.scene.reserve(SPEC, worst, request=request))
        self.under_way[request] = made, self.month, worst

    @precondition(lambda self: self.under_way)
    @rule(
        data=st.data(), share=st.floats(0, 1), waits=st.booleans(),
        outcome=st.sampled_from(["ok", "cut", "failed"]),
    )  # fmt: skip
    def settle(self, data: Any, share: float, outcome: str, waits: bool) -> None:
        request = data.draw(st.sampled_from(sorted(self.under_way)))
        made, month, worst = self.under_way.pop(request)
        used = int(worst * share)
        cost = {"ok": used, "cut": worst, "failed": 0}[outcome]
        usage = Usage(input=used) if outcome == "ok" else None
        assert self.run(self._settled(made, usage, outcome)) == cost
        if waits:
            assert self.run(self.scene.settle(made, Usage(input=worst))) == cost, "billed twice"
        if outcome != "failed":
            self._bill(request, month, cost)
        if outcome == "cut":
            self.guessed.append(worst)

    async def _settled(self, made: Reservation, usage: Usage | None, outcome: str) -> int:
        return self.scene.settled(made, usage, outcome=outcome).cost

    @precondition(lambda self: self.billed)
    @rule(data=st.data())
    def reserve_again(self, data: Any) -> None:
        request = data.draw(st.sampled_from(sorted(self.billed)))
        with pytest.raises(Repeated) as said:
            self.run(self.scene.reserve(SPEC, 0, request=request))
        assert said.value.cost == self.billed[request]

    @rule()
    def kill(self) -> None:
        self.flush()
        self.count += 1
        left = killed(self.home)
        self.database.close()
        self.home = left
        self.open()

    @rule()
    def restart(self) -> None:
        self.flush()
        self.database.close()
        self.open()

    @rule()
    def take_the_database_away(self) -> None:
        self.flush()
        for path in self.home.glob("state.db*"):
            path.unlink()
        # Noticed at the next write, whoever's it is; before that a kill would lose it.
        self.run(self.database.write(lambda db: None))

    @rule(days=st.integers(0, 40))
    def go(self, days: int) -> None:
        self.clock.go(days * DAY)

    @rule(days=st.integers(-60, 60))
    def set_the_clock(self, days: int) -> None:
        self.clock.at += days * DAY

    @invariant()
    def what_is_used_is_what_the_model_says(self) -> None:
        standing = self.scene.meter.spent("personal", SPEC)
        assert standing.month == self.used
        assert standing.held == sum(worst for _, _, worst in self.under_way.values())

    def teardown(self) -> None:
        self.flush()
        self.database.close()
        self.runner.close()
        assert verified(self.home).what == ""
        rows = summed(self.home, since=0, until=1 << 60)
        assert sum(row.estimated for row in rows) == len(self.guessed)
        assert sum(row.estimated_cost for row in rows) == sum(self.guessed)
        self.directory.cleanup()


Metered.TestCase.settings = settings(max_examples=20, stateful_step_count=25)
TestMetered = Metered.TestCase
