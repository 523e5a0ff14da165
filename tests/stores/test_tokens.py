"""Tokens: shown once, kept as digests, void at once when they end."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.model.errors import Blocked, InvalidInput, P42Error
from p42.model.plan import Instant
from p42.model.tokens import SCOPES, Token, scopes_of
from p42.stores.state.database import Database
from p42.stores.tokens import SqliteTokens
from tests.stores.timepiece import Timepiece


def made(database: Database, clock: Timepiece | None = None) -> SqliteTokens:
    return SqliteTokens(database, clock=clock or Timepiece())


async def test_a_secret_is_found_again_and_stands_nowhere_in_the_home(home: Path) -> None:
    with Database.open(home) as database:
        token, secret = await made(database).create(name="ci", scopes=["read"], lifetime=None)
        assert re.fullmatch(r"p42_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", secret)
    with Database.open(home) as database:
        there = made(database)
        assert there.find(secret) == token
        assert there.all() == (token,)
    hidden = secret[18:38].encode()  # of the random part, which may hold _ itself
    assert not any(hidden in p.read_bytes() for p in home.rglob("*") if p.is_file())


async def test_a_secret_that_differs_in_any_place_is_nobodys(database: Database) -> None:
    there = made(database)
    _, secret = await there.create(name="", scopes=["read"], lifetime=None)
    for place in range(len(secret)):
        other = "A" if secret[place] != "A" else "B"
        assert there.find(secret[:place] + other + secret[place + 1 :]) is None
    for odd in ("", secret + "\n", secret[:-1], f" {secret}", "p42_", secret.upper(), "\0" * 99):
        assert there.find(odd) is None


async def test_a_token_ends_at_its_time(database: Database) -> None:
    clock = Timepiece()
    there = made(database, clock)
    _, secret = await there.create(name="", scopes=["read"], lifetime=60.0)
    clock.at += 59.9
    assert there.find(secret) is not None
    clock.at += 0.1
    assert there.find(secret) is None
    assert len(there.all()) == 1  # still listed: its owner looks for it


async def test_a_revoked_token_is_void_and_told_of_before_the_call_returns(
    database: Database,
) -> None:
    there = made(database)
    token, secret = await there.create(name="", scopes=["read"], lifetime=None)
    told: list[str] = []
    there.tell(told.append)
    assert await there.revoke(token.id[:5]) == token
    assert (there.find(secret), told) == (None, [token.id])
    with pytest.raises(P42Error, match="p42 token list"):
        await there.revoke(token.id)
    assert database.rows("SELECT * FROM tokens") == []


async def test_a_beginning_that_fits_several_ends_none(database: Database) -> None:
    there = made(database)
    for _ in range(17):  # more than there are hex digits
        await there.create(name="", scopes=["read"], lifetime=None)
    first = [token.id[0] for token in there.all()]
    twice = next(digit for digit in first if first.count(digit) > 1)
    for which in (twice, ""):
        with pytest.raises(P42Error):
            await there.revoke(which)
    assert len(there.all()) == 17


async def test_a_disk_that_refuses_does_not_keep_a_token_alive(
    database: Database, home: Path
) -> None:
    there = made(database)
    token, secret = await there.create(name="", scopes=["read"], lifetime=None)
    other = sqlite3.connect(home / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(P42Error, match="after a restart it would count again"):
            await there.revoke(token.id)
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert there.find(secret) is None


async def test_use_is_noted_to_the_minute_and_survives(home: Path) -> None:
    clock = Timepiece()
    with Database.open(home) as database:
        there = made(database, clock)
        token, secret = await there.create(name="", scopes=["read"], lifetime=None)
        for _ in range(3):
            await there.used(token)
            clock.at += 25
    with Database.open(home) as database:
        found = made(database, clock).find(secret)
        assert found is not None
        assert found.last_used == 1_000.0
        again = made(database, clock)
        await again.used(found)
        assert again.all()[0].last_used == 1_075.0


async def test_a_childs_token_is_not_among_the_persons_and_is_made_anew(
    database: Database,
) -> None:
    there = made(database)
    first = await there.mint("agent/muse", account="main", models=["m-1"], budget=100)
    found = there.find(first)
    assert found is not None
    assert found.bound is not None
    assert (found.bound.agent, found.bound.models, found.scopes) == ("agent/muse", ("m-1",), ())
    assert there.all() == ()
    second = await there.mint("agent/muse")
    assert there.find(first) is None
    assert there.find(second) is not None
    await there.drop("agent/muse")
    assert there.find(second) is None


async def test_a_childs_budget_is_counted_before_the_call_and_after_a_crash(home: Path) -> None:
    with Database.open(home) as database:
        there = made(database)
        secret = await there.mint("agent/muse", budget=100)
        token = there.find(secret)
        assert token is not None
        await there.reserve(token, 60)
        with pytest.raises(Blocked, match=r"agent/muse may spend \$0.0001") as caught:
            await there.reserve(token, 41)
        assert caught.value.reason == "BudgetExceeded"
        await there.settle(token, worst=60, cost=10)
        await there.reserve(token, 90)  # its end never comes: it stays at its worst case
    with Database.open(home) as database:
        token = (there := made(database)).find(secret)
        assert token is not None
        with pytest.raises(Blocked):
            await there.reserve(token, 1)


def test_scopes_are_known_words_and_some_carry_others() -> None:
    assert scopes_of(["write", "read", "read"]) == ("read", "write")
    for wrong in ([], ["root"], ["read", "Read"], [""]):
        with pytest.raises(InvalidInput, match="there are read, write"):
            scopes_of(wrong)

    def token(*scopes: str) -> Token:
        return Token("1", "", scopes, Instant(0))

    assert all(token("admin").may(scope) for scope in SCOPES)
    assert token("write").may("read")
    assert not token("read").may("write")
    assert not token("write").may("admin")


@given(st.text(max_size=120))
async def test_no_text_is_a_token_by_chance(text: str) -> None:
    with Database.copy(Path("/nowhere")) as database:
        assert made(database).find(text) is None
