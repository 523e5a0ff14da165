"""Cycles are looked for more rarely, and still found."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from p42.keeper.sweeps import sweep_lightly


class Knot:
    def __init__(self) -> None:
        self.self = self


@pytest.fixture
def _lightly() -> Iterator[None]:
    before = gc.get_threshold()
    sweep_lightly()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("_lightly")
def test_cycles_go_though_nobody_asks_for_it() -> None:
    assert gc.isenabled()
    seen = [weakref.ref(Knot()) for _ in range(10_000)]
    assert sum(each() is not None for each in seen) < 5_000


@pytest.mark.usefixtures("_lightly")
def test_cycles_that_grew_old_go_as_well() -> None:
    old = [Knot() for _ in range(10_000)]
    seen = [weakref.ref(each) for each in old]
    del old
    more = [[] for _ in range(1_500_000)]
    assert len(more) == 1_500_000
    assert not any(each() is not None for each in seen)
