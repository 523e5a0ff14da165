"""Force: what of a thing runs now. That it was let through does not say that it got there."""

from __future__ import annotations

from dataclasses import dataclass

from p42.engine.converge import deadline
from p42.engine.desk import Desk
from p42.model.resource import Resource

FAILED = "TestsFailed"


@dataclass(frozen=True, slots=True)
class Running:
    """`what` is run of it now, in the form of `executes`, b"" = nothing; `mishap`: see `Kind`."""

    what: bytes
    mishap: str = ""


async def runs(desk: Desk, resource: Resource) -> Running:
    """What is run of it now. Raises what its driver does.

    While a prompt is forged, and where tests failed, that is the version before. So a kind that
    can tell is asked.
    """
    ref = resource.ref
    kind, want = desk.kinds[ref.kind], desk.gate.want(resource)
    if kind.stands is None:
        return Running(kind.executes(want))
    async with deadline(f"looking at {ref}"):
        seen = await desk.drivers[ref.kind].observe(ref, want)
    return Running(kind.stands(want, seen), kind.mishap(want, seen))


async def in_force(desk: Desk, resource: Resource) -> bool:
    """Whether exactly `resource` was let through, got there and did not fail its tests."""
    standing = desk.board.get(resource.ref)
    if standing.status.reason == FAILED and standing.observed == resource.digest:
        return False
    if desk.gate.let(resource.ref) != desk.gate.digest(resource):
        return False
    return (await runs(desk, resource)).what == desk.gate.executes(resource)
