"""What tells of itself that a machine made it waits; the approval in its file counts from git."""

from __future__ import annotations

import asyncio

import pytest

from p42.engine.engine import Engine
from p42.engine.gate import QUIET, Trust
from p42.model.approval import PERSON, digest_of
from p42.model.look import SPEC, Traced
from tests.engine.home import Home, ref, settled

pytestmark = pytest.mark.looptime
A = ref("Note/a")
LOCK = "lock"


def sha(text: str) -> str:
    return digest_of(text.encode())


def git_has(home: Home, *files: str, head: str = "h1", exact: bool = True) -> None:
    """HEAD has these files: to the byte, or so that git takes them for its own."""
    found = frozenset(files)
    traced = Traced(head, equal=found, exact=found if exact else frozenset())
    home.sources.git = lambda resource: traced


async def saved(home: Home, engine: Engine, text: str) -> None:
    home.save("a.yaml", f"Note a {text}")
    await asyncio.sleep(0.01)
    await settled(engine)


def reason(engine: Engine) -> str:
    return engine.view().rows[A].status.reason


async def test_what_was_a_persons_and_becomes_a_machines_waits_and_can_be_agreed_to(
    home: Home,
) -> None:
    home.save("a.yaml", "Note a text=mine")
    async with home.running() as engine:
        await saved(home, engine, "text=theirs vow=-")
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\nmine"})
        assert home.approvals.machine_made(A)  # also when the file is gone
        (waiting,) = await engine.pending([A])
        assert (waiting.why, waiting.old, waiting.new) == ("machine", b"mine", b"theirs")
        await engine.approve({A: waiting.digest})
        await settled(engine)
        assert (reason(engine), home.real()) == ("Reconciled", {"Note/a": "#p42\ntheirs"})


@pytest.mark.parametrize(("before", "runs_on"), [("text=mine", True), ("text=", False)])
async def test_it_says_that_the_old_version_runs_on_only_where_one_runs(
    home: Home, before: str, runs_on: bool
) -> None:
    home.save("a.yaml", f"Note a {before}")
    async with home.running() as engine:
        await saved(home, engine, "text=theirs vow=-")
        status = engine.view().rows[A].status
        assert (status.reason, "old version" in status.message) == ("NeedsApproval", runs_on)


async def test_an_approval_that_git_brought_counts_also_for_a_name_known_as_a_machines(
    home: Home,
) -> None:
    await home.approvals.mark(A)
    await home.approvals.approve(A, sha("one"), by=PERSON)
    git_has(home, SPEC, LOCK)
    home.save("a.yaml", "Note a text=one vow=one")
    async with home.running() as engine:
        await saved(home, engine, "text=two vow=two")
        assert (reason(engine), home.real()) == ("Reconciled", {"Note/a": "#p42\ntwo"})
        assert await engine.pending() == ()


@pytest.mark.parametrize(
    ("text", "files", "head"),
    [
        ("text=evil vow=good", (SPEC, LOCK), "h1"),  # it was said of something else
        ("text=evil vow=-", (SPEC, LOCK), "h1"),  # nobody said so
        ("text=evil vow=evil", (SPEC,), "h1"),  # it was put into the file after the commit
        ("text=evil vow=evil", (SPEC, LOCK), ""),  # git cannot tell
    ],
)
async def test_an_approval_that_anybody_could_have_written_does_not(
    home: Home, text: str, files: tuple[str, ...], head: str
) -> None:
    git_has(home, *files, head=head)
    home.save("a.yaml", "Note a text=good")
    async with home.running() as engine:
        await saved(home, engine, text)
        await asyncio.sleep(120)
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\ngood"})
        await engine.follow([home.path])  # a plain apply is no word on what a machine made
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\ngood"}


async def test_nearly_what_git_has_is_not_what_git_has(home: Home) -> None:
    """Size and times of a file can be set; so what git takes for its own is not enough."""
    git_has(home, SPEC, LOCK, exact=False)
    home.save("a.yaml", "Note a text=evil vow=evil")
    async with home.running() as engine:
        assert (reason(engine), home.real()) == ("NeedsApproval", {})


@pytest.mark.parametrize(("trust", "why"), [("follow", "git"), ("pin", "pin")])
async def test_it_is_no_word_on_trust(home: Home, trust: Trust, why: str) -> None:
    """`follow` and `pin` ask a person of this machine, whatever a colleague agreed to."""
    home.trust = trust
    git_has(home, head="h0")
    home.save("a.yaml", "Note a text=one")
    async with home.running() as engine:
        git_has(home, SPEC, LOCK, head="h1")
        await saved(home, engine, "text=two vow=two")
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\none"})
        (waiting,) = await engine.pending()
        assert waiting.why == why
        await engine.follow([home.path])  # but an apply of it is
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\ntwo"}


async def test_where_an_agent_can_write_it_counts_for_nothing_also_when_the_agent_has_left(
    home: Home,
) -> None:
    """It could commit, too."""
    home.save("a.yaml", "Note a text=one")
    async with home.running() as engine:
        await engine.pin(home.path, "agent")
        git_has(home, SPEC, LOCK)
        await saved(home, engine, "text=two vow=two")
        assert reason(engine) == "NeedsApproval"
        await engine.unpin(home.path, "agent")
        await asyncio.sleep(120)
        await settled(engine)
        assert (reason(engine), home.real()) == ("NeedsApproval", {"Note/a": "#p42\none"})
    async with home.running(apply=False) as engine:  # also after a restart
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\none"}
        (waiting,) = await engine.pending()
        await engine.approve({A: waiting.digest})
        await settled(engine)
        assert home.real() == {"Note/a": "#p42\ntwo"}


async def test_while_git_is_at_work_nothing_is_decided(home: Home) -> None:
    home.save("a.yaml", "Note a text=zero")
    async with home.running() as engine:
        home.sources.git = lambda resource: Traced("h0", busy=True)
        home.save("a.yaml", "Note a text=one vow=one")
        await asyncio.sleep(QUIET)
        assert (reason(engine), home.real()) == ("InProgress", {"Note/a": "#p42\nzero"})
        git_has(home, SPEC, LOCK)
        await asyncio.sleep(3 * QUIET)
        await settled(engine)
        assert (reason(engine), home.real()) == ("Reconciled", {"Note/a": "#p42\none"})


async def test_auto_beside_it_is_the_word_of_who_wrote_the_manifest(home: Home) -> None:
    home.save("a.yaml", "Note a text=one vow=- auto=true")
    async with home.running() as engine:
        assert (reason(engine), home.real()) == ("Reconciled", {"Note/a": "#p42\none"})


async def test_at_idle_nothing_is_written_for_it(home: Home) -> None:
    git_has(home, SPEC)
    home.save("a.yaml", "Note a text=one vow=one")
    async with home.running():
        await asyncio.sleep(60)
        before = (home.approvals.writes, home.ledger.writes, home.written.puts)
        await asyncio.sleep(24 * 3600)
        assert (home.approvals.writes, home.ledger.writes, home.written.puts) == before
