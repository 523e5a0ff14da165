"""Editors: whoever saves while we write finds their save in the file. `make bench-races` runs more.

Outside of /tmp, where vim and emacs save in another way.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from p42.manifest.finding import Malformed
from p42.manifest.write import StatusWriter
from tests.bench.editors import missing, terminal
from tests.bench.races import race
from tests.write import scene

_SAVES = {
    "truncate": 25, "slow truncate": 8, "rename": 25, "rename away": 25, "sed": 12, "ed": 8,
    "vim": 3, "vim backupcopy=yes": 3, "vim backupcopy=no": 3, "vim -n": 3, "nano": 1, "emacs": 2,
}  # fmt: skip


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="p42-editors-") as name:
        yield Path(name)


@pytest.mark.parametrize("leases", [True, False], ids=["leases", "no leases"])
@pytest.mark.parametrize("style", _SAVES)
def test_no_save_is_lost_and_none_is_torn(directory: Path, style: str, leases: bool) -> None:
    if style == "slow truncate" and not leases:
        pytest.skip("a save longer than the quiet asked for can show torn for a moment")
    if style == "nano" and not leases:
        pytest.skip("it takes 2 s for a save; run by make bench-races")
    if program := missing(style):
        pytest.skip(f"{program} is not installed")
    score = race(directory, style, _SAVES[style], leases=leases, seed=1)
    assert (score.lost, score.torn) == (0, 0), score
    assert score.writes > 0


async def test_somebody_who_types_on_in_vim_is_asked_nothing(directory: Path) -> None:
    """The status flips all the time; it is written before vim opens the file and after it ends."""
    if program := missing("vim"):
        pytest.skip(f"{program} is not installed")
    home, file = directory / "home", directory / "greet.yaml"
    file.write_text(scene.manifest())
    writer = StatusWriter(home, pace=scene.AT_ONCE)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = group.create_task(writer.run())
        flipping = group.create_task(_flip(writer, file))
        while "stamp" not in file.read_text():
            await asyncio.sleep(0.01)
        painted = await asyncio.to_thread(_type_in_vim, file)
        flipping.cancel()
        saved = scene.resource(file)
        writer.put(saved, scene.status(saved))
        while "Reconciled" not in file.read_text():
            await asyncio.sleep(0.01)
        running.cancel()
    await writer.flush()
    assert b"W1" not in painted
    assert b"changed since" not in painted
    assert all(f"# typed {number}\n" in file.read_text() for number in range(5))
    assert not list(directory.glob("*conflict*"))


async def _flip(writer: StatusWriter, file: Path) -> None:
    while True:
        with contextlib.suppress(Malformed, OSError, KeyError, IndexError):
            what = scene.resource(file)
            writer.put(what, dict(scene.another(what)) | {"conditions": []})
        await asyncio.sleep(0.01)


def _type_in_vim(file: Path) -> bytes:
    """Five lines, each followed by `:w`, then `:q`. All that vim painted."""
    with terminal(["vim", "-u", "NONE", "-i", "NONE", "-N", str(file)]) as vim:
        painted = vim.painted()
        for number in range(5):
            vim.type(f"ggO# typed {number}\x1b".encode())
            painted += vim.painted(rest=0.1)
            vim.type(b":w\r")
            painted += vim.painted(rest=0.1)
        vim.type(b":q\r")
        vim.wait()
        return painted
