"""Who may write what is followed: pinned before it is read, and named for what waits then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from p42.engine.engine import Engine
from p42.model.approval import Pin
from tests.engine.home import Home, ref, settled

pytestmark = pytest.mark.looptime
A, MUSE = ref("Note/a"), "agent/muse #1"
WHY = "what it would run has changed while agent/muse could write there"


class Guard:
    """A program that can write everywhere, and does so at the worst moment."""

    def __init__(self, home: Home, engine: Engine) -> None:
        self._home, self._engine = home, engine
        self.told: list[str] = []
        self.after = ""

    @asynccontextmanager
    async def following(self, sources: Sequence[str]) -> AsyncIterator[None]:
        assert not set(sources) & set(self._home.ledger.sources())
        self.told += sources
        for source in sources:
            await self._engine.pin(source, MUSE)
        yield
        assert set(sources) <= set(self._home.ledger.sources())
        if self.after:
            asyncio.get_running_loop().call_later(0.01, self._home.save, "a.yaml", self.after)


def status(engine: Engine) -> tuple[str, str]:
    found = engine.view().rows[A].status
    return found.reason, found.message


async def test_it_hears_of_a_source_before_anything_of_it_counts(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running(apply=False) as engine:
        guard = Guard(home, engine)
        engine.guard(guard)
        guard.after = "Note a text=evil"
        await engine.follow([home.path])
        await asyncio.sleep(1)
        await settled(engine)
        assert guard.told == [home.path]
        assert home.real() == {"Note/a": "#p42\nx"}
        reason, message = status(engine)
        assert (reason, message.partition(";")[0]) == ("NeedsApproval", WHY)
        await engine.follow([home.path])  # it is followed; and this is a person's word
        await settled(engine)
        assert guard.told == [home.path]
        assert home.real() == {"Note/a": "#p42\nevil"}


async def test_what_is_read_some_time_after_an_apply_was_not_meant_by_it(home: Home) -> None:
    home.save("a.yaml", "Note a text=whole")
    async with home.running() as engine:
        home.save("a.yaml", "Note a text=who")  # it may be half a save: it counts a second later
        await engine.follow([home.path])
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nwho"}
        await engine.pin(home.path, MUSE)
        home.save("a.yaml", "Note a text=w")
        await engine.follow([home.path])
        await settled(engine)
        assert status(engine)[0] == "NeedsApproval"
        assert home.real() == {"Note/a": "#p42\nwho"}


async def test_who_could_write_is_named_where_a_person_looks_and_not_in_the_file(
    home: Home,
) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await engine.pin(home.path, MUSE)
        (home.source / "a.yaml").write_text("Note a text=y")
        await engine.unpin_all([Pin(home.path, MUSE)])
        await engine.pin("/", "agent/other")
    async with home.running(apply=False) as engine:  # who it was is known after a restart
        await settled(engine)
        found = engine.view().rows[A].status
        assert found.message == f"{WHY}; `p42 approve note/a` shows it; until then the old " \
            "version runs on"  # fmt: skip
        assert "muse" not in (found.template or "")
        (waiting,) = await engine.pending()
        assert (waiting.why, waiting.by) == ("agent", "agent/muse")
        assert waiting.sentence.startswith(WHY)
        await engine.approve({A: waiting.digest})
        await settled(engine)
        assert home.approvals.get(A).by == ""
