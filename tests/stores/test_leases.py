"""Ports: stable for ever, next free when taken, nobody's twice."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from p42.model.errors import Blocked
from p42.model.refs import Ref
from p42.stores.leases import SqlitePortLeases
from p42.stores.state.database import Database

GARDEN, HOUSE = Ref("ProjectCI", "garden"), Ref("ProjectCI", "house")


def leases(
    database: Database, *, taken: Collection[int] = (), count: int = 100
) -> SqlitePortLeases:
    return SqlitePortLeases(database, base=42100, count=count, free=lambda port: port not in taken)


async def test_a_port_is_the_same_after_a_restart_and_in_another_order(home: Path) -> None:
    with Database.open(home) as database:
        first = leases(database)
        ports = {ref: (await first.lease(ref, "auto")).port for ref in (GARDEN, HOUSE)}
    with Database.open(home) as database:
        again = leases(database)
        assert {ref: again.get(ref).port for ref in ports} == ports  # type: ignore[union-attr]
        for ref in (HOUSE, GARDEN):
            await again.release(ref)
        assert {ref: (await again.lease(ref, "auto")).port for ref in (HOUSE, GARDEN)} == ports


async def test_a_taken_port_is_passed_over_and_the_lease_does_not_move(database: Database) -> None:
    wish = (await leases(database).lease(GARDEN, "auto")).port
    taken = {wish}
    there = leases(database, taken=taken)
    assert there.get(GARDEN).port == wish  # type: ignore[union-attr] # it waits, it does not move
    await there.release(GARDEN)
    assert (await there.lease(GARDEN, "auto")).port != wish


async def test_two_never_have_one_port(database: Database) -> None:
    there = leases(database, count=5)
    refs = [Ref("ProjectCI", f"p{number}") for number in range(5)]
    assert len({(await there.lease(ref, "auto")).port for ref in refs}) == 5
    with pytest.raises(Blocked, match=r"42100 to 42104 is taken") as caught:
        await there.lease(GARDEN, "auto")
    assert caught.value.reason == "PortInUse"


async def test_a_fixed_port_that_another_has_names_it(database: Database) -> None:
    there = leases(database)
    port = (await there.lease(GARDEN, "auto")).port
    with pytest.raises(Blocked, match="belongs to ProjectCI/garden"):
        await there.lease(HOUSE, str(port))
    assert there.get(HOUSE) is None


async def test_a_drawn_port_outside_todays_range_is_drawn_again(database: Database) -> None:
    old = (await leases(database).lease(GARDEN, "auto")).port
    moved = SqlitePortLeases(database, base=46100, count=50, free=lambda _: True)
    assert moved.get(GARDEN) is None
    new = (await moved.lease(GARDEN, "auto")).port
    assert 46100 <= new < 46150
    assert old < 46100


async def test_a_token_leads_to_its_ref_alone_and_stays(database: Database) -> None:
    there = leases(database)
    lease = await there.lease(GARDEN, "auto")
    await there.lease(HOUSE, "auto")
    assert there.owner(lease.token) == GARDEN
    assert there.owner("") is None
    assert there.owner(lease.token + "x") is None
    assert (await there.lease(GARDEN, "15000")).token == lease.token
    assert lease.token not in repr(lease)
