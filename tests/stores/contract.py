"""What every Ledger has to do: run by the real one and by whatever stands in for it in tests.

class TestMine(LedgerContract):
    @pytest.fixture
    def ledger(self) -> Ledger: ...
"""

from __future__ import annotations

from p42.model.ledger import Entry, Ledger
from p42.model.plan import Instant
from p42.model.refs import Ref
from p42.model.resource import Place, Resource


def entry(name: str = "hello", *, kind: str = "Command", generation: int = 1) -> Entry:
    """An entry with something in every field, and bytes that are no text."""
    ref = Ref(kind, name)
    return Entry(
        ref=ref,
        source="/src",
        resource=Resource(
            ref=ref,
            place=Place("/src/\udcff.yaml", 2, 14, 3),
            spec={"language": "bash", "n": [1, 2.5, None, True], "text": "🐬\u2028"},
            files={"run.sh": b"\x00\xff#!"},
            labels={"a": "b"},
            annotations={"p42.dev/heal": "warn"},
            digest="9f3c1a0b7d42",
        ),
        needs=(Ref("Account", "personal"),),
        deletion="retain",
        generation=generation,
        created=Instant(1.25),
        paused=True,
        held=True,
        reached="0a1b2c3d4e5f",
    )


class LedgerContract:
    """Subclasses give a fresh `ledger` fixture."""

    async def test_a_new_ledger_is_empty_and_not_lost(self, ledger: Ledger) -> None:
        assert ledger.entries() == ()
        assert ledger.sources() == ()
        assert ledger.lost is False

    async def test_what_was_recorded_is_there_as_it_was(self, ledger: Ledger) -> None:
        await ledger.record(entry())
        assert ledger.entries() == (entry(),)

    async def test_entries_come_sorted_by_ref(self, ledger: Ledger) -> None:
        for name, kind in (("b", "Command"), ("a", "Command"), ("z", "Account")):
            await ledger.record(entry(name, kind=kind))
        assert [str(found.ref) for found in ledger.entries()] == [
            "Account/z", "Command/a", "Command/b",
        ]  # fmt: skip

    async def test_a_second_record_replaces_the_first(self, ledger: Ledger) -> None:
        await ledger.record(entry(generation=1))
        await ledger.record(entry(generation=2))
        assert [found.generation for found in ledger.entries()] == [2]

    async def test_erase_takes_out_one_and_no_other(self, ledger: Ledger) -> None:
        await ledger.record(entry("a"))
        await ledger.record(entry("b"))
        await ledger.erase(Ref("Command", "a"))
        await ledger.erase(Ref("Command", "never"))
        assert [found.ref.name for found in ledger.entries()] == ["b"]

    async def test_sources_keep_the_order_of_their_first_follow(self, ledger: Ledger) -> None:
        for source in ("/b", "/a", "/b", "/c"):
            await ledger.follow(source)
        assert ledger.sources() == ("/b", "/a", "/c")

    async def test_a_forgotten_source_comes_back_last(self, ledger: Ledger) -> None:
        await ledger.follow("/a")
        await ledger.follow("/b")
        await ledger.forget("/a")
        await ledger.forget("/never")
        await ledger.follow("/a")
        assert ledger.sources() == ("/b", "/a")
