"""The table of verbs, its page and its doors say the same."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from p42.api.page import page
from p42.api.verbs import VERBS
from p42.gateway.dispatch import Dispatch
from p42.model.ports import World
from p42.model.verb import Door, Effect
from p42.wire.port42 import Request

LEGACY = {"status", "list", "ping", "possess", "memory", "end"}
DOCS = Path(__file__).parents[2] / "docs" / "verbs.md"


def test_the_page_is_what_the_table_says() -> None:
    assert DOCS.read_text() == page(), "run: python -m p42.api.page > docs/verbs.md"


@pytest.mark.parametrize("door", list(Door))
def test_a_door_knows_the_verbs_of_the_table_and_no_other(door: Door, tmp_path: Path) -> None:
    world = World(home=tmp_path, clock=None)  # type: ignore[arg-type] # nothing is asked
    known = Dispatch(world, door).names
    assert known == {name for name, verb in VERBS.items() if door in verb.doors}


def test_the_gateway_carries_the_legacy_types_and_what_only_reads() -> None:
    on_gateway = {name: verb for name, verb in VERBS.items() if Door.GATEWAY in verb.doors}
    assert set(on_gateway) >= LEGACY
    further = {verb.effect for verb in on_gateway.values() if not verb.legacy}
    assert further == {Effect.READ}
    assert Effect.PERSON not in {verb.effect for verb in on_gateway.values()}
    assert {name for name, verb in VERBS.items() if verb.legacy} == LEGACY


def test_a_verb_streams_if_and_only_if_it_is_an_iterator() -> None:
    for verb in VERBS.values():
        assert verb.streams == inspect.isasyncgenfunction(verb.do), verb.name


@pytest.mark.parametrize("kind", ["swim", "say", "apply", "edit", "approve", "stop", ""])
async def test_what_the_gateway_does_not_carry_is_an_unknown_type(
    kind: str, tmp_path: Path
) -> None:
    world = World(home=tmp_path, clock=None)  # type: ignore[arg-type] # nothing is asked
    sent: list[bytes] = []

    async def send(line: bytes) -> None:
        sent.append(line)

    await Dispatch(world, Door.GATEWAY).answer(Request(kind, "t4"), send)
    line = b'{"id":"t4","success":false,"error":"Unknown request type: %s"}\n'
    assert sent == [line % kind.encode()]
