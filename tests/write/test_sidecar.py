"""Sidecars: where a status goes that must not, or cannot, go into the file; and whose it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from p42.manifest.write import StatusWriter
from p42.manifest.write.verdict import Pace
from tests.write import corpus, scene


def sidecar(directory: Path) -> Path:
    return directory / "status" / "command-greet.yaml"


async def test_a_sidecar_holds_the_same_block(home: Path, file: Path) -> None:
    what = scene.resource(file)
    went = await scene.write(home, what, scene.status(what), mode="sidecar")
    assert went == "sidecar: asked for by status.write"
    assert file.read_text() == scene.manifest()
    assert sidecar(file.parent / ".p42").read_text() == (
        "# Command/greet, declared in greet.yaml. Written by p42, never read by it.\n"
        f"status:\n  observedSpec: {what.digest}\n  conditions:\n"
        '    - {type: Ready, status: "True", reason: Reconciled}\n'
    )
    assert (file.parent / ".p42" / ".gitignore").read_text() == "*\n"


async def test_an_equal_sidecar_is_not_written_again(home: Path, file: Path) -> None:
    what = scene.resource(file)
    await scene.write(home, what, scene.status(what), mode="sidecar")
    before = sidecar(file.parent / ".p42").stat()
    await scene.write(home, what, scene.status(what), mode="sidecar")
    assert sidecar(file.parent / ".p42").stat().st_mtime_ns == before.st_mtime_ns
    await scene.write(home, what, None, mode="sidecar")
    assert not (file.parent / ".p42").exists()


async def test_none_is_nowhere(home: Path, file: Path) -> None:
    what = scene.resource(file)
    went = await scene.write(home, what, scene.status(what), mode="none")
    assert went == "none: asked for by status.write"
    assert [path.name for path in file.parent.iterdir()] == ["greet.yaml"]


@pytest.mark.parametrize("asked", ["sidecar", "none"])
async def test_an_annotation_takes_the_block_out_of_its_own_document(
    home: Path, file: Path, asked: str
) -> None:
    file.write_text(scene.manifest() + "---\n" + scene.manifest("other"))
    for what in scene.resources(file):
        await scene.write(home, what, scene.status(what))
    what = scene.resource(file, status=asked)
    went = await scene.write(home, what, scene.status(what))
    assert went == f"{asked}: asked for by p42.dev/status"
    assert file.read_text().startswith(scene.manifest() + "---\n")
    assert file.read_text().count("observedSpec") == 1
    assert sidecar(file.parent / ".p42").exists() == (asked == "sidecar")


async def test_a_sidecar_goes_when_its_status_is_in_the_file_again(home: Path, file: Path) -> None:
    what = scene.resource(file)
    await scene.write(home, what, scene.status(what), mode="sidecar")
    assert await scene.write(home, what, scene.status(what)) == "inline"
    assert not sidecar(file.parent / ".p42").exists()


@pytest.mark.parametrize("name", ["anchored status", "block scalar without newline at the end"])
async def test_what_cannot_be_spliced_goes_beside_the_file_and_says_why(
    home: Path, file: Path, name: str
) -> None:
    text = corpus.REFUSED[name].replace("{name: a}", "{name: greet}")
    file.write_text(text)
    what = scene.resource(file)
    went = await scene.write(home, what, scene.status(what))
    assert went.startswith("sidecar: ")
    assert len(went) > 30
    assert file.read_text() == text
    assert sidecar(file.parent / ".p42").exists()


async def test_a_second_home_keeps_to_itself(home: Path, file: Path, tmp_path: Path) -> None:
    what = scene.resource(file)
    first, other = StatusWriter(home, pace=scene.AT_ONCE), tmp_path / "other"
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(first.run())
        first.put(what, scene.status(what))
        while first.where(what.ref) is None:
            await asyncio.sleep(0.01)
        text = file.read_text()
        went = await scene.write(other, what, scene.status(what, "Blocked"))
        assert went == f"sidecar: the p42 of {home} writes into this directory"
        assert "Blocked" in sidecar(other).read_text()
        await scene.write(other, what, None)
        assert file.read_text() == text
        assert not sidecar(other).exists()
        running.cancel()
    assert await scene.write(other, what, scene.status(what, "Blocked")) == "inline"


async def test_a_sidecar_that_has_no_place_is_tried_again(home: Path, file: Path) -> None:
    what = scene.resource(file)
    (file.parent / ".p42").write_text("somebody's")
    (home / "status").write_text("somebody's")
    went = await scene.write(home, what, scene.status(what))
    assert went.startswith("waiting: ")
    assert "is not a directory" in went
    assert file.read_text() == scene.manifest()


async def test_what_stood_beside_the_file_is_told_gone_at_once(home: Path, file: Path) -> None:
    """Not after the minute for which an older file is kept that a write to another displaced."""
    file.write_text(scene.manifest() + "---\n" + scene.manifest("other"))
    gone, other = scene.resources(file)
    file.write_text(scene.manifest("other"))
    writer = StatusWriter(home, pace=Pace(gather=0.0, settle=0.0))
    told: list[bool] = []
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(writer.run())
        writer.put(other, scene.status(other))
        while writer.where(other.ref) is None:
            await asyncio.sleep(0.01)
        assert scene.left_in(file.parent)
        writer.put(gone, None, then=lambda: told.append(True))
        while not told:
            await asyncio.sleep(0.01)
        assert scene.left_in(file.parent)
        running.cancel()
    await writer.flush()


async def test_a_dot_directory_that_leads_elsewhere_is_not_followed(
    home: Path, file: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (file.parent / ".p42").symlink_to(elsewhere)
    what = scene.resource(file)
    went = await scene.write(home, what, scene.status(what))
    assert "is not a directory" in went
    assert not list(elsewhere.iterdir())
    assert sidecar(home).exists()
