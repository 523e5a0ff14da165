"""trust: follow: what git brought waits, an edit by hand does not."""

from __future__ import annotations

import asyncio

import pytest

from p42.engine.engine import Engine
from p42.engine.gate import QUIET
from p42.model.approval import PERSON, digest_of
from p42.model.look import SPEC, Traced
from p42.model.resource import Resource
from tests.engine.home import Home, ref, settled

pytestmark = pytest.mark.looptime
A, B = ref("Note/a"), ref("Note/b")


class Git:
    """A work tree: where HEAD is and what it has."""

    def __init__(self, home: Home) -> None:
        self.home, self.head, self.busy = home, "h0", False
        self.has: set[str] = set()  # the texts of notes, as HEAD has them
        home.trust = "follow"
        home.sources.git = self.traced

    def traced(self, resource: Resource) -> Traced:
        equal = {SPEC} if resource.spec.get("text") in self.has else set()
        return Traced(self.head, self.busy, frozenset(equal))

    def commit(self, head: str, *texts: str) -> None:
        self.head, self.has = head, set(texts)

    def pull(self, head: str, text: str, name: str = "a") -> None:
        """The file first, then HEAD, as git does it."""
        self.home.save(f"{name}.yaml", f"Note {name} text={text}")
        self.commit(head, text)


@pytest.fixture
def git(home: Home) -> Git:
    home.save("a.yaml", "Note a text=x")
    return Git(home)


def reason(engine: Engine, name: str = "Note/a") -> str:
    return engine.view().rows[ref(name)].status.reason


async def done(engine: Engine) -> None:
    await asyncio.sleep(0.01)
    await settled(engine)


async def test_an_edit_by_hand_passes_after_a_quiet_moment(home: Home, git: Git) -> None:
    async with home.running() as engine:
        home.save("a.yaml", "Note a text=y")
        await asyncio.sleep(QUIET / 2)
        assert (reason(engine), home.real()) == ("InProgress", {"Note/a": "#p42\nx"})
        assert home.written.bodies[A]["conditions"][0]["reason"] == "Reconciled"
        await done(engine)
        assert home.real() == {"Note/a": "#p42\ny"}
        assert home.approvals.get(A).held == ""


async def test_what_git_brought_waits(home: Home, git: Git) -> None:
    async with home.running() as engine:
        git.pull("h1", "evil")
        await done(engine)
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\nx"})
        (waiting,) = await engine.pending()
        assert (waiting.why, waiting.new) == ("git", b"evil")
        await engine.approve({A: waiting.digest})
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\nevil"}


async def test_the_next_apply_is_a_word_too(home: Home, git: Git) -> None:
    async with home.running() as engine:
        git.pull("h1", "y")
        git.home.save("b.yaml", "Note b text=y")
        await done(engine)
        assert [each.ref for each in await engine.pending()] == [A, B]
        await engine.follow([home.path])
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\ny", "Note/b": "#p42\ny"}


async def test_a_file_that_is_ahead_of_head_for_a_moment_does_not_slip_through(
    home: Home, git: Git
) -> None:
    """git writes the file, lets its lock go, and moves HEAD: each a few milliseconds apart."""
    async with home.running() as engine:
        git.busy = True
        home.save("a.yaml", "Note a text=evil")
        await asyncio.sleep(30)
        assert (reason(engine), home.real()) == ("InProgress", {"Note/a": "#p42\nx"})
        git.busy = False
        await asyncio.sleep(QUIET * 0.9)
        git.commit("h1", "evil")
        await done(engine)
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\nx"})


async def test_what_git_brought_while_nobody_looked_waits(home: Home, git: Git) -> None:
    async with home.running():
        pass
    git.pull("h1", "evil")
    async with home.running(apply=False) as engine:
        await settled(engine)
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\nx"})


@pytest.mark.parametrize("restart", [False, True])
async def test_an_edit_on_top_of_what_waits_does_not_carry_it_in(
    home: Home, git: Git, *, restart: bool
) -> None:
    async with home.running() as engine:
        git.pull("h1", "evil")
        await done(engine)
        if not restart:
            home.save("a.yaml", "Note a text=evil-and-mine")
            await done(engine)
            assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\nx"})
    home.save("a.yaml", "Note a text=evil-and-mine")
    async with home.running(apply=False) as engine:
        await settled(engine)
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\nx"})
        home.save("a.yaml", "Note a text=x")  # back: nothing waits, and the hand is free again
        await done(engine)
        home.save("a.yaml", "Note a text=mine")
        await done(engine)
        assert home.real() == {"Note/a": "#p42\nmine"}


async def test_a_checkout_that_moves_no_head_is_a_hands(home: Home, git: Git) -> None:
    git.commit("h0", "x")
    async with home.running() as engine:
        home.save("a.yaml", "Note a text=try")
        await done(engine)
        home.save("a.yaml", "Note a text=x")  # git checkout -- a.yaml
        await done(engine)
        assert home.real() == {"Note/a": "#p42\nx"}


async def test_a_commit_of_what_runs_is_no_change(home: Home, git: Git) -> None:
    async with home.running() as engine:
        home.save("a.yaml", "Note a text=y")
        await done(engine)
        git.commit("h1", "y")
        before = home.approvals.writes
        await asyncio.sleep(120)
        assert (reason(engine), home.approvals.writes) == ("Reconciled", before)


async def test_a_name_that_went_and_came_back_has_nothing_waiting(home: Home, git: Git) -> None:
    home.save("b.yaml", "Note b text=x")
    async with home.running() as engine:
        git.pull("h1", "evil")
        await done(engine)
        home.remove("a.yaml")
        await asyncio.sleep(10)
        await settled(engine)
        home.save("a.yaml", "Note a text=mine")
        await done(engine)
        assert home.real()["Note/a"] == "#p42\nmine"


async def test_what_a_person_agreed_to_may_come_and_go_with_branches(home: Home, git: Git) -> None:
    async with home.running() as engine:
        git.pull("h1", "y")
        await done(engine)
        (waiting,) = await engine.pending()
        await engine.approve({A: waiting.digest})
        await settled(engine)
        git.pull("h0", "x")
        await done(engine)
        assert reason(engine) == "NeedsApproval"  # x was applied, and never agreed to as such
        git.pull("h1", "y")
        await done(engine)
        assert (reason(engine), home.real()) == ("Reconciled", {"Note/a": "#p42\ny"})


async def test_a_lock_that_git_brought_does_not_let_in_what_git_brought(
    home: Home, git: Git
) -> None:
    async with home.running() as engine:
        await home.approvals.approve(A, digest_of(b"evil"), by="forged/a.lock.yaml")
        git.pull("h1", "evil")
        await done(engine)
        assert reason(engine) == "NeedsApproval"
        await home.approvals.approve(A, digest_of(b"evil"), by=PERSON)
        engine.wake(A)
        await done(engine)
        assert home.real() == {"Note/a": "#p42\nevil"}


async def test_outside_a_work_tree_a_change_passes_at_once(home: Home, git: Git) -> None:
    home.sources.git = lambda resource: Traced()
    async with home.running():
        home.save("a.yaml", "Note a text=y")
        await asyncio.sleep(QUIET / 2)
        assert home.real() == {"Note/a": "#p42\ny"}


async def test_where_git_cannot_tell_the_change_waits(home: Home, git: Git) -> None:
    async with home.running() as engine:
        home.sources.git = lambda resource: Traced("", equal=frozenset({SPEC}))
        for text in ("y", "z"):
            home.save("a.yaml", f"Note a text={text}")
            await done(engine)
            assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\nx"})
