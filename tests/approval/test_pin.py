"""trust: pin, and a source that an agent can write: every change waits."""

from __future__ import annotations

import asyncio

import pytest

from p42.engine.engine import Engine
from p42.model.approval import PERSON, digest_of
from tests.engine.home import Home, ref, settled

pytestmark = pytest.mark.looptime
A, B, P = ref("Note/a"), ref("Note/b"), ref("Pot/p")


def sha(text: str) -> str:
    return digest_of(text.encode())


async def saved(home: Home, engine: Engine, text: str, name: str = "a.yaml") -> None:
    """Save a manifest by hand and wait for what comes of it."""
    home.save(name, text)
    await asyncio.sleep(0.01)
    await settled(engine)


def reason(engine: Engine, name: str = "Note/a") -> str:
    return engine.view().rows[ref(name)].status.reason


async def approve(engine: Engine, name: str = "Note/a") -> None:
    (waiting,) = await engine.pending([ref(name)])
    await engine.approve({waiting.ref: waiting.digest})
    await settled(engine)


async def test_under_pin_every_change_waits_and_what_runs_nothing_does_not(home: Home) -> None:
    home.trust = "pin"
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:  # an apply of what is new is a person's word
        assert home.real() == {"Note/a": "#p42\nx"}
        await saved(home, engine, "Note a text=y slow=")
        await saved(home, engine, "Note b text=x\nPot p", "b.yaml")
        assert [reason(engine, str(each)) for each in (A, B, P)] == [
            "NeedsApproval", "NeedsApproval", "Reconciled",
        ]  # fmt: skip
        assert home.real() == {"Note/a": "#p42\nx", "Pot/p": "/"}
        await approve(engine, "Note/b")
        assert "Note/b" in home.real()
        await engine.follow([home.path])
        await settled(engine)
        assert home.real()["Note/a"] == "#p42\ny"


async def test_under_pin_the_way_back_is_a_change_too(home: Home) -> None:
    home.trust = "pin"
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await saved(home, engine, "Note a text=y")
        await approve(engine)
        await saved(home, engine, "Note a text=x")
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\ny"})
        await saved(home, engine, "Note a text=y")
        assert reason(engine) == "Reconciled"


async def test_an_apply_is_a_word_on_the_paths_it_names_alone(home: Home) -> None:
    home.trust = "pin"
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        await saved(home, engine, "Note a text=y")
        await saved(home, engine, "Note b text=y", "b.yaml")
        await engine.follow([home.path], given=())
        await settled(engine)
        assert len(await engine.pending()) == 2
        await engine.follow([home.path], given=[str(home.source / "a.yaml")])
        await settled(engine)
        assert [each.ref for each in await engine.pending()] == [B]
        await engine.follow([home.path], given=[B])
        await settled(engine)
        assert await engine.pending() == ()


async def test_a_pause_and_its_end_are_no_approval(home: Home) -> None:
    """A pause writes into the ledger, where what was let through stands as well."""
    home.trust = "pin"
    home.save("a.yaml", "Note a text=x")
    async with home.running(apply=False) as engine:
        await engine.follow([home.path], given=())
        await saved(home, engine, "Note b text=evil", "b.yaml")
        await engine.pause(B, on=True)
        await settled(engine)
        assert reason(engine, "Note/b") == "Paused"
    async with home.running(apply=False) as engine:
        await settled(engine)
        await engine.pause(B, on=False)
        await settled(engine)
        assert reason(engine, "Note/b") == "NeedsApproval"
        assert home.real() == {"Note/a": "#p42\nx"}


async def test_what_was_let_through_once_is_not_held_when_trust_becomes_pin(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running():
        pass
    home.trust = "pin"
    async with home.running(apply=False) as engine:
        await settled(engine)
        assert reason(engine) == "Reconciled"
        await saved(home, engine, "Note a text=y")
        assert reason(engine) == "NeedsApproval"
    home.trust = "all"  # whoever says so is not asked for the sake of old times
    async with home.running(apply=False) as engine:
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\ny"}


async def test_where_an_agent_can_write_every_change_waits_also_after_it_left(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await home.approvals.pin(home.path, "Agent/muse")
        await saved(home, engine, "Note a text=y")
        assert reason(engine) == "NeedsApproval"
        await home.approvals.unpin(home.path, "Agent/muse")
        await saved(home, engine, "Note a text=z")
        assert reason(engine) == "NeedsApproval"
        await approve(engine)
        await saved(home, engine, "Note a text=by-hand")
        assert home.real() == {"Note/a": "#p42\nby-hand"}


async def test_what_an_agent_wrote_last_waits_though_nobody_saw_it_in_time(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await engine.pin(home.path, "Agent/muse")
        (home.source / "a.yaml").write_text("Note a text=parting-shot")  # no watcher saw it
        await engine.unpin(home.path, "Agent/muse")
        await settled(engine)
        assert home.approvals.pinned() == ()
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\nx"})


async def test_a_locks_word_counts_for_what_a_machine_made_and_not_for_trust(home: Home) -> None:
    home.trust = "pin"
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await home.approvals.mark(A)
        await home.approvals.approve(A, sha("y"), by="forged/a.lock.yaml")
        await saved(home, engine, "Note a text=y")
        (waiting,) = await engine.pending()
        assert waiting.why == "pin"
        await home.approvals.approve(A, sha("y"), by=PERSON)
        engine.wake(A)
        await asyncio.sleep(0.01)
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\ny"}
