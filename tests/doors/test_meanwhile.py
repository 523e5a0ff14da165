"""A manifest of the home that a person saves while a verb writes it: the save is kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from p42 import displace
from p42.api.editing import Edit, edit
from p42.api.keeping import keep, take_out
from p42.displace import Spot
from p42.manifest.kindbook import KindBook
from p42.model.errors import InvalidInput
from p42.model.ports import World
from p42.model.resource import Place
from p42.runtimes.clock import SystemClock
from p42.runtimes.disk.files import DiskFiles

Arrange = Callable[[Callable[[], None]], None]


def command(name: str, source: str) -> str:
    return (
        f"apiVersion: p42.dev/v1\nkind: Command\nmetadata:\n  name: {name}\n"
        f"spec:\n  source: {source}\n"
    )


@pytest.fixture
def target(tmp_path: Path) -> Path:
    made = tmp_path / "home" / "manifests" / "commands" / "hello.yaml"
    made.parent.mkdir(parents=True)
    made.write_text(command("hello", "echo hi"))
    return made


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Real files, and an engine that has not looked at them yet."""
    home = tmp_path / "home"

    async def follow(sources: tuple[str, ...]) -> None:
        assert sources == (str(home / "manifests"),)

    return World(
        home=home,
        clock=SystemClock(),
        files=DiskFiles(home, path=os.environ["PATH"]),
        house=SimpleNamespace(book=KindBook.load()),
        engine=SimpleNamespace(view=lambda: SimpleNamespace(rows={}), follow=follow),
    )


@pytest.fixture
def before_the_exchange(monkeypatch: pytest.MonkeyPatch) -> Arrange:
    """A save that lands between the last look and the exchange, once."""

    def arrange(save: Callable[[], None]) -> None:
        exchange_now, saves = displace.exchange, [save]

        def exchange(one: Spot, other: Spot) -> None:
            if saves:
                saves.pop()()
            exchange_now(one, other)

        monkeypatch.setattr(displace, "exchange", exchange)

    return arrange


def saving(target: Path, text: str) -> Callable[[], None]:
    def save() -> None:
        new = target.with_suffix(".tmp")
        new.write_text(text)
        new.replace(target)

    return save


def digest(target: Path) -> str:
    return hashlib.sha256(target.read_bytes()).hexdigest()


async def test_an_edit_is_written_over_what_was_read(world: World, target: Path) -> None:
    text = command("hello", "echo new")
    done = await edit(world, Edit(file=str(target), text=text, was=digest(target)))
    assert done == {"refs": ["Command/hello"], "file": str(target)}
    assert target.read_text() == text


async def test_a_save_at_the_moment_of_an_edit_is_kept_and_told(
    world: World, target: Path, before_the_exchange: Arrange
) -> None:
    before_the_exchange(saving(target, command("hello", "echo mine")))
    with pytest.raises(InvalidInput, match="was changed meanwhile; look at it and try again"):
        await edit(
            world, Edit(file=str(target), text=command("hello", "echo new"), was=digest(target))
        )
    assert target.read_text() == command("hello", "echo mine")


async def test_a_file_made_meanwhile_is_not_written_over(world: World, target: Path) -> None:
    class MadeAfterTheLook(DiskFiles):
        def look(self, path: Path) -> None:
            assert super().look(path) is None
            saving(path, command("other", "echo mine"))()

    new = target.with_name("other.yaml")
    files = MadeAfterTheLook(world.home, path="")
    made = World(
        home=world.home, clock=world.clock, files=files, house=world.house, engine=world.engine
    )
    with pytest.raises(InvalidInput, match="was changed meanwhile"):
        await edit(made, Edit(file=str(new), text=command("other", "echo new")))
    assert new.read_text() == command("other", "echo mine")


async def test_a_file_saved_at_the_moment_of_its_removal_stays(
    world: World, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap_now, mine = world.files.swap, command("hello", "echo mine")

    def swap(path: Path, data: bytes | None, *, was: bytes | None, mode: int) -> bool:
        saving(path, mine)()
        return swap_now(path, data, was=was, mode=mode)

    monkeypatch.setattr(world.files, "swap", swap)
    with pytest.raises(InvalidInput, match="was changed meanwhile"):
        await edit(world, Edit(file=str(target), text=None, was=digest(target)))
    assert target.read_text() == mine


async def test_a_document_is_taken_out_of_what_was_saved_at_that_moment(
    world: World, target: Path, before_the_exchange: Arrange
) -> None:
    two, three = command("hello", "echo hi"), command("other", "echo other")
    target.write_text(f"{two}---\n{three}")
    before_the_exchange(saving(target, f"{two}---\n{three}# mine\n"))
    await take_out(world, Place(str(target), 0, 1))
    assert "# mine" in target.read_text()
    assert "hello" not in target.read_text()
    assert "echo other" in target.read_text()


async def test_applied_text_takes_the_place_of_a_status_written_at_that_moment(
    world: World, target: Path, before_the_exchange: Arrange
) -> None:
    await keep(world, command("said", "echo one"))
    (kept,) = (world.home / "manifests" / "applied").glob("*.yaml")
    before_the_exchange(saving(kept, kept.read_text() + "status: {}\n"))
    await keep(world, command("said", "echo two"))
    assert kept.read_text() == command("said", "echo two")
