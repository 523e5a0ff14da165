"""A crash at any moment: nothing runs that nobody agreed to, and what was agreed to runs."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from p42.engine.gate import Trust
from tests.engine.home import Home, ref, settled, virtually

A = ref("Note/a")


class Crash(BaseException):
    """Power is gone."""


class Fuse:
    """Blows at the nth effect that outlives the process."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash


def wired(home: Home, fuse: Callable[[], None]) -> None:
    home.ledger.around = home.land.around = home.approvals.around = fuse


async def until_crash(home: Home) -> None:
    """A run in which a machine writes, then a person agrees."""
    try:
        async with home.running(apply=False) as engine:
            await engine.follow([home.path], given=())
            await settled(engine)
            await home.approvals.mark(A)
            home.save("a.yaml", "Note a text=new")
            await asyncio.sleep(0.01)
            await settled(engine)
            waiting = await engine.pending()
            assert home.real()["Note/a"] == "#p42\nold"
            home.agreed = True  # type: ignore[attr-defined] # from here on it may be on disk
            await engine.approve({each.ref: each.digest for each in waiting})
            await settled(engine)
    except BaseExceptionGroup as group:
        if group.subgroup(Crash) is None:
            raise


@given(at=st.integers(1, 30))
@settings(max_examples=30)
def test_after_a_crash_at_any_moment_only_what_was_agreed_to_runs(at: int) -> None:
    async def main(root: Path) -> None:
        home = Home(root)
        home.agreed = False  # type: ignore[attr-defined]
        home.save("a.yaml", "Note a text=old")
        wired(home, Fuse(at))
        await until_crash(home)
        wired(home, lambda: None)
        marked = home.approvals.machine_made(A)
        async with home.running(apply=False) as engine:
            await engine.follow([home.path], given=())
            await settled(engine)
            real = home.real().get("Note/a")
            if home.approvals.get(A).grants:
                assert home.agreed  # type: ignore[attr-defined]
                assert real == "#p42\nnew"
            elif marked:
                text = (home.source / "a.yaml").read_text()
                assert real == "#p42\nold", text

    with tempfile.TemporaryDirectory() as directory:
        virtually(lambda: main(Path(directory)))


@given(changes=st.lists(st.sampled_from("xyz"), min_size=1, max_size=5), pin=st.booleans())
@settings(max_examples=25)
def test_under_any_order_of_changes_what_runs_was_said_to(changes: list[str], pin: bool) -> None:
    """The law of the gate: what runs is the last of which somebody said that it may."""

    async def main(root: Path) -> None:
        home = Home(root)
        trust: Trust = "pin" if pin else "all"
        home.trust = trust
        home.save("a.yaml", "Note a text=first")
        async with home.running() as engine:
            if not pin:
                await home.approvals.mark(A)
            said = "first"
            for number, text in enumerate(changes):
                home.save("a.yaml", f"Note a text={text}")
                await asyncio.sleep(0.01)
                await settled(engine)
                waiting = await engine.pending()
                if waiting and number % 2:
                    await engine.approve({A: waiting[0].digest})
                    await settled(engine)
                    said = text
                elif not waiting:
                    said = text if text in (said, *changes[:number]) else "nobody said so"
                assert home.real() == {"Note/a": f"#p42\n{said}"}

    with tempfile.TemporaryDirectory() as directory:
        virtually(lambda: main(Path(directory)))
