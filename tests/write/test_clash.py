"""Clash: a save at the moment of an exchange, and a reader who sees ours before it is put back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from p42 import displace
from p42.displace import Spot
from p42.manifest.write.clash import Clashes
from p42.manifest.write.draft import Job, Wanted
from p42.manifest.write.scribe import Scribe
from p42.manifest.write.verdict import Pace
from tests.write import scene

PACE = Pace(settle=0.0, quiet=0.0, gap=0.0, seldom=0.0, often=0.0)  # kept for long


def save(file: Path, text: str) -> None:
    new = file.with_suffix(".tmp")
    new.write_text(text)
    new.replace(file)


class Clash:
    """A scribe whose exchange a save gets into; `meanwhile` happens before that is put back."""

    def __init__(
        self, home: Path, file: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]
    ) -> None:
        self.told: list[str] = []
        self.scribe = Scribe(
            str(home), mode="inline", pace=PACE, durable=False,
            tell=lambda _, what: self.told.append(what),
        )  # fmt: skip
        what = scene.resource(file)
        self._job = Job(str(file), (Wanted(what, scene.status(what)),))
        exchange_now, calls = displace.exchange, [0]

        def exchange(one: Spot, other: Spot) -> None:
            calls[0] += "swap-" in one.name
            if calls[0] == 1 and "swap-" in one.name:
                # Not read from the file: to open it is to wait for the end of our own lease.
                save(file, scene.manifest() + "# saved\n")
            if calls[0] == 2:
                meanwhile()
            exchange_now(one, other)

        monkeypatch.setattr(displace, "exchange", exchange)
        (draft,) = self.scribe.write([self._job], hurry=True)
        assert draft.again is not None  # it is tried again
        assert file.read_text() == scene.manifest() + "# saved\n"

    def end(self) -> list[str]:
        self.scribe.look()
        self.scribe.close()
        return self.told


def conflicts(file: Path) -> list[str]:
    return [path.read_text() for path in file.parent.glob("*.p42-conflict*")]


def test_a_save_that_a_reader_of_ours_takes_away_is_brought_back(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    clash = Clash(home, file, monkeypatch, lambda: read.append(file.read_text()))
    assert "Reconciled" in read[0]  # ours, for a moment
    save(file, read[0] + "# another\n")
    assert clash.end() == ["a save that another has undone is kept in greet.yaml.p42-conflict"]
    assert conflicts(file) == [scene.manifest() + "# saved\n"]
    assert file.read_text().endswith("# another\n")


def test_a_save_that_is_still_there_brings_nothing_back(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clash = Clash(home, file, monkeypatch, lambda: None)
    clash.scribe.write([clash._job], hurry=True)
    assert "Reconciled" in file.read_text()
    save(file, "# before\n" + file.read_text() + "# another\n")
    assert clash.end() == []
    assert conflicts(file) == []
    assert not scene.left_in(file.parent)


def test_a_save_into_ours_is_put_into_the_file(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    clash = Clash(home, file, monkeypatch, lambda: opened.append(os.open(file, os.O_WRONLY)))
    text = scene.manifest() + "# saved\n# late\n"
    os.truncate(opened[0], 0)
    os.write(opened[0], text.encode())
    os.close(opened[0])
    assert clash.end() == ["a save that came late was put back"]
    assert file.read_text() == text


def test_a_file_that_is_being_saved_is_not_judged_yet(file: Path) -> None:
    told: list[str] = []
    clashes = Clashes(PACE, lambda _, what: told.append(what))
    clashes.add(str(file), file.read_bytes(), [file.read_bytes() + b"# saved\n"])
    with file.open("wb") as half:
        half.write(b"# mine\n")
    assert clashes.look()
    assert told == []
    os.utime(file, (0, 0))
    assert not clashes.look()
    assert told == ["a save that another has undone is kept in greet.yaml.p42-conflict"]


def test_what_could_not_be_read_is_nothing_to_look_for(file: Path) -> None:
    clashes = Clashes(PACE, print)
    clashes.add(str(file), file.read_bytes(), [b""])
    assert not clashes.look()


def test_a_status_alone_is_nothing_to_look_for(file: Path) -> None:
    clashes = Clashes(PACE, print)
    clashes.add(str(file), file.read_bytes(), [file.read_bytes() + b"status: {a: 1}\n"])
    assert not clashes.look()
