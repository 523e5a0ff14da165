"""What a machine made waits for a person's word; the rest runs, under trust: all."""

from __future__ import annotations

import asyncio

import pytest

from p42.engine.engine import Engine
from p42.model.approval import digest_of
from p42.model.errors import InvalidInput
from p42.model.reasons import Mend
from p42.model.refs import Ref
from tests.engine.home import Home, ref, settled
from tests.engine.toys import blocked

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


async def test_what_a_machine_made_waits_for_a_word_and_then_runs(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        row = engine.view().rows[A]
        assert (row.status.ready, row.status.reason, row.mend, row.drift) == (
            "False", "NeedsApproval", Mend.USER, True,
        )  # fmt: skip
        assert "p42 approve note/a" in row.status.template
        assert home.real() == {}
        assert home.ledger.entries() == ()
        await asyncio.sleep(120)  # neither a resync nor time lets it through
        assert home.real() == {}
        await approve(engine)
        assert home.real() == {"Note/a": "#p42\nx"}
        assert reason(engine) == "Reconciled"


async def test_an_apply_is_no_word_on_what_a_machine_made(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await engine.follow([home.path])
        await settled(engine)
        assert reason(engine) == "NeedsApproval"
        assert home.real() == {}


async def test_the_old_version_runs_on_and_is_healed_while_the_new_one_waits(home: Home) -> None:
    home.save("a.yaml", "Note a text=old")
    async with home.running() as engine:
        await home.approvals.mark(A)
        await saved(home, engine, "Note a text=new")
        assert reason(engine) == "NeedsApproval"
        (home.land.root / "Note/a").write_text("#p42\ntampered")
        engine.wake(A)
        await asyncio.sleep(0.01)
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nold"}
        assert reason(engine) == "NeedsApproval"
        (entry,) = home.ledger.entries()
        assert entry.resource.spec == {"text": "old"}
    async with home.running(apply=False) as engine:  # also after a restart
        await settled(engine)
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\nold"})
        (waiting,) = await engine.pending()
        assert (waiting.why, waiting.old, waiting.new) == ("machine", b"old", b"new")


async def test_any_further_change_is_asked_about_again(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await approve(engine)
        await saved(home, engine, "Note a text=y")
        assert reason(engine) == "NeedsApproval"
        assert home.real() == {"Note/a": "#p42\nx"}
        await saved(home, engine, "Note a text=x")  # it is again what was agreed to
        assert reason(engine) == "Reconciled"
        await saved(home, engine, "Note a text=y")
        await approve(engine)
        await saved(home, engine, "Note a text=x")  # to go back is no change of mind
        assert (reason(engine), home.real()) == ("Reconciled", {"Note/a": "#p42\nx"})


async def test_an_approval_of_what_was_shown_is_none_of_what_stands_there_now(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=shown")
    async with home.running() as engine:
        (shown,) = await engine.pending()
        await saved(home, engine, "Note a text=swapped")
        with pytest.raises(InvalidInput, match="changed since it was shown"):
            await engine.approve({A: shown.digest})
        assert home.real() == {}
        assert not home.approvals.approved(A, shown.digest)


async def test_of_several_all_are_approved_or_none(home: Home) -> None:
    for each in (A, B):
        await home.approvals.mark(each)
    home.save("a.yaml", "Note a text=x\nNote b text=x")
    async with home.running() as engine:
        with pytest.raises(InvalidInput, match="note/b"):
            await engine.approve({A: sha("x"), B: sha("not this")})
        assert home.approvals.get(A).grants == ()
        await engine.approve({A: sha("x"), B: sha("x")})
        await settled(engine)
        assert len(home.real()) == 2
        with pytest.raises(InvalidInput, match="waits for approval"):
            await engine.approve({A: sha("x")})


async def test_who_needs_what_waits_names_it(home: Home) -> None:
    await home.approvals.mark(P)
    home.save("a.yaml", "Pot p key=x\nNote a text=x pot=p")
    home.sources.git = lambda resource: pytest.fail("nobody asks git under trust: all")
    async with home.running() as engine:
        row = engine.view().rows[A]
        assert (row.status.reason, row.root, row.mend) == ("Waiting", P, Mend.USER)
        assert row.status.template == "Pot/p: NeedsApproval"
        await approve(engine, "Pot/p")
        assert home.real() == {"Note/a": "#p42\nx", "Pot/p": "/"}


async def test_auto_counts_only_where_a_person_wrote_it(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=x auto=true")
    async with home.running() as engine:
        assert reason(engine) == "NeedsApproval"  # a reply may say so for itself
        await home.approvals.mark(A, auto=True)
        engine.nudge(A)
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nx"}
        await home.approvals.mark(A)  # a tool call wrote the manifest anew
        await saved(home, engine, "Note a text=y auto=true")
        assert reason(engine) == "NeedsApproval"


async def test_under_all_a_hand_and_git_are_trusted(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await saved(home, engine, "Note a text=y")
        assert (home.real(), home.approvals.writes) == ({"Note/a": "#p42\ny"}, 0)


async def test_a_name_that_came_back_from_the_dead_is_still_a_machines(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=x")
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        await approve(engine)
        home.remove("a.yaml")
        await asyncio.sleep(10)
        await settled(engine)
        assert list(home.real()) == ["Note/b"]
        await saved(home, engine, "Note a text=other")
        assert reason(engine) == "NeedsApproval"
        await saved(home, engine, "Note a text=x")
        assert reason(engine) == "NeedsApproval"  # these very bytes too: it had been thrown away


async def test_a_forgotten_name_is_a_strangers(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await home.approvals.forget(A)
        engine.nudge(A)
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nx"}


async def test_the_file_says_what_waits_and_nothing_of_the_moment(home: Home) -> None:
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        await home.approvals.mark(A)
        await saved(home, engine, "Note a text=y")
        (condition,) = home.written.bodies[A]["conditions"]
        assert condition == {
            "type": "Ready", "status": "False", "reason": "NeedsApproval",
            "message": "a model or a tool wrote what it would run; `p42 approve note/a` shows it",
        }  # fmt: skip
        row = engine.view().rows[A]
        assert home.written.bodies[A]["observedSpec"] == row.resource.digest


async def test_at_idle_what_waits_writes_nothing(home: Home) -> None:
    await home.approvals.mark(A)
    home.save("a.yaml", "Note a text=x")
    async with home.running():
        before = (home.approvals.writes, home.ledger.writes, home.written.puts)
        await asyncio.sleep(24 * 3600)
        assert (home.approvals.writes, home.ledger.writes, home.written.puts) == before


async def test_what_a_plan_itself_waits_for_can_be_agreed_to(home: Home) -> None:
    """A lock that came in with its manifest is known to be a model's only by its kind."""

    def unless_agreed(place: str, name: Ref) -> Exception | None:
        waits = place == "act" and not home.approvals.approved(name, sha("x"))
        return blocked("NeedsApproval") if waits else None

    home.land.fault = unless_agreed
    home.save("a.yaml", "Note a text=x")
    async with home.running() as engine:
        assert reason(engine) == "NeedsApproval"
        (waiting,) = await engine.pending()
        assert (waiting.why, waiting.old, waiting.new) == ("machine", b"", b"x")
        await approve(engine)
        assert home.real() == {"Note/a": "#p42\nx"}
        assert await engine.pending() == ()
