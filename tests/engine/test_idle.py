"""At idle nothing is written, and little is looked at."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.engine.home import Home, settled, virtually
from tests.engine.toys import blocked

DAY = 24 * 3600.0


def test_a_day_of_idling_writes_nothing() -> None:
    async def play() -> None:
        with TemporaryDirectory() as root:
            home = Home(Path(root))
            home.save("a.yaml", "Pot p\nNote a text=x pot=p\nNote w text=x @p42.dev/heal=warn")
            home.save("b.yaml", "Pot m key=missing\nNote waits pot=m\nNote broken text=x\n")
            home.save("c.yaml", "Note stuck text=x")
            home.land.fault = lambda place, ref: (
                blocked() if (place, ref.name) == ("act", "stuck") else None
            )
            async with home.running() as engine:
                home.save("b.yaml", "Pot m key=missing\nNote waits pot=m\nNote broken text=!\n")
                # One resync: what stands in a file that was read anew is handed to the writer once
                # more, who then finds nothing to write.
                await asyncio.sleep(2 * 60)
                await settled(engine)
                before = (home.ledger.writes, home.written.puts, list(home.land.acts))
                notes, looks = len(home.journal.notes), home.sources.looks
                await asyncio.sleep(DAY)
                after = (home.ledger.writes, home.written.puts, list(home.land.acts))
                assert after == before
                assert home.sources.looks - looks <= DAY / 30
                assert {reason for _, reason, _ in home.journal.notes[notes:]} <= {"Blocked"}

    virtually(play)


def test_a_restart_on_an_unchanged_world_acts_on_nothing_and_records_nothing() -> None:
    async def play() -> None:
        with TemporaryDirectory() as root:
            home = Home(Path(root))
            home.save("a.yaml", "Pot p default=true\nNote a text=x\nNote s text=x slow=build")
            async with home.running():
                pass
            before = (home.ledger.writes, list(home.land.acts), dict(home.written.bodies))
            async with home.running(apply=False) as engine:
                await settled(engine)
            assert before == (home.ledger.writes, home.land.acts, home.written.bodies)

    virtually(play)
