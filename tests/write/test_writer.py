"""StatusWriter: the newest status of each document, once, where it belongs."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from p42.manifest.kindbook import KindBook
from p42.manifest.read import Reader
from p42.manifest.write import StatusWriter
from p42.manifest.write.verdict import Pace
from p42.model.resource import Resource
from tests.write import scene


async def test_a_status_becomes_the_last_key_of_its_file(home: Path, file: Path) -> None:
    what = scene.resource(file)
    assert await scene.write(home, what, scene.status(what, endpoint="auto")) == "inline"
    assert file.read_text() == scene.manifest() + (
        f"status:\n  observedSpec: {what.digest}\n  conditions:\n"
        '    - {type: Ready, status: "True", reason: Reconciled}\n  endpoint: auto\n'
    )
    assert not scene.left_in(file.parent)


async def test_what_was_put_in_is_taken_out_with_all_that_was_made(home: Path, file: Path) -> None:
    what = scene.resource(file)
    await scene.write(home, what, scene.status(what))
    await scene.write(home, what, None)
    assert file.read_text() == scene.manifest()
    assert [path.name for path in file.parent.iterdir()] == ["greet.yaml"]


async def test_a_status_that_is_there_is_not_written_again(home: Path, file: Path) -> None:
    what = scene.resource(file)
    await scene.write(home, what, scene.status(what))
    before = file.stat()
    await scene.write(home, scene.resource(file), scene.status(what))
    after = file.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


async def test_the_newest_status_wins(home: Path, file: Path) -> None:
    what = scene.resource(file)
    writer = StatusWriter(home, pace=scene.AT_ONCE)
    writer.put(what, scene.status(what, "Blocked"))
    writer.put(what, scene.status(what))
    await writer.flush()
    assert "Reconciled" in file.read_text()
    assert "Blocked" not in file.read_text()


async def test_a_stop_does_not_write_beyond_its_time(home: Path, file: Path) -> None:
    what, before = scene.resource(file), file.read_text()
    writer = StatusWriter(home, pace=scene.AT_ONCE)
    writer.put(what, scene.status(what))
    await writer.flush(within=0.0)
    assert file.read_text() == before
    await writer.flush()
    assert "Reconciled" in file.read_text()


async def test_all_documents_of_a_file_are_written_at_once(home: Path, file: Path) -> None:
    file.write_text("---\n".join(scene.manifest(name) for name in ("a", "b", "c")))
    found = scene.resources(file)
    writer = StatusWriter(home, pace=scene.AT_ONCE)
    inodes = {file.stat().st_ino}
    for what in found:
        writer.put(what, scene.status(what))
    await writer.flush()
    inodes.add(file.stat().st_ino)
    assert file.read_text().count("observedSpec") == 3
    assert len(inodes) == 2
    assert [what.spec for what in scene.resources(file)] == [what.spec for what in found]


async def test_a_document_is_found_by_its_name_when_others_have_moved_it(
    home: Path, file: Path
) -> None:
    file.write_text(scene.manifest("b"))
    what = scene.resource(file)
    file.write_text(scene.manifest("a") + "---\n" + scene.manifest("b") + "# end\n")
    await scene.write(home, what, scene.status(what))
    first, second = file.read_text().split("---\n")
    assert "status" not in first
    assert second.endswith("reason: Reconciled}\n# end\n")


@pytest.mark.parametrize(
    "text",
    [scene.manifest(source="rm -rf /"), scene.manifest("other"), "", "   \n", "a: 1\n"],
    ids=["another spec", "another name", "empty", "blank", "another thing"],
)
async def test_a_status_of_another_spec_is_never_written(home: Path, file: Path, text: str) -> None:
    what = scene.resource(file)
    file.write_text(text)
    went = await scene.write(home, what, scene.status(what))
    assert went.startswith("waiting")
    assert file.read_text() == text


async def test_a_broken_file_is_left_alone_until_it_is_mended(home: Path, file: Path) -> None:
    what = scene.resource(file)
    writer = StatusWriter(home, pace=scene.AT_ONCE)
    file.write_text(scene.manifest() + "  x: [\n")
    writer.put(what, scene.status(what))
    await writer.flush()
    assert str(writer.where(what.ref)) == "waiting: the file does not parse"
    assert file.read_text() == scene.manifest() + "  x: [\n"
    file.write_text(scene.manifest())
    await writer.flush()
    assert "Reconciled" in file.read_text()


async def test_the_reader_sees_the_same_resource_after_a_write(home: Path, file: Path) -> None:
    reader = Reader(KindBook.load())
    before = reader.look_file(str(file), str(file.parent)).documents
    (what,) = before
    assert isinstance(what, Resource)
    assert await scene.write(home, what, scene.status(what)) == "inline"
    assert reader.look_file(str(file), str(file.parent)).documents == before


async def test_aliases_and_json_are_digested_as_the_reader_does(home: Path, file: Path) -> None:
    text = scene.manifest().replace("source: echo hi", "a: &a {x: 0x10}\n  b: *a\n  c: 1.0")
    file.write_text(text)
    what = scene.resource(file)
    assert await scene.write(home, what, scene.status(what)) == "inline"
    assert file.read_text().startswith(text)


async def test_run_writes_what_is_put_and_settles(home: Path, file: Path) -> None:
    what = scene.resource(file)
    writer = StatusWriter(home, pace=scene.AT_ONCE)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(writer.run())
        writer.put(what, scene.status(what))
        while "Reconciled" not in file.read_text() or scene.left_in(file.parent):
            await asyncio.sleep(0.01)
        running.cancel()
    assert str(writer.where(what.ref)) == "inline"


@pytest.mark.looptime
async def test_a_file_is_written_once_in_five_seconds(home: Path, file: Path) -> None:
    what = scene.resource(file)
    writer = StatusWriter(home, pace=Pace(settle=0.0))
    loop = asyncio.get_running_loop()
    seen: list[tuple[float, int]] = []
    async with asyncio.TaskGroup() as group:
        running = group.create_task(writer.run())
        for _ in range(200):
            writer.put(what, scene.another(what))
            await asyncio.sleep(0.1)
            inode = file.stat().st_ino
            if not seen or seen[-1][1] != inode:
                seen.append((loop.time(), inode))
        running.cancel()
    await writer.flush()
    times = [at for at, _ in seen[1:]]
    assert 3 <= len(times) <= 5  # in 20 s
    assert all(later - earlier > 4.8 for earlier, later in pairwise(times))


@pytest.mark.looptime
async def test_a_deletion_is_not_kept_waiting_for_other_documents(home: Path, file: Path) -> None:
    what = scene.resource(file)
    await scene.write(home, what, scene.status(what))
    writer = StatusWriter(home, pace=Pace(settle=0.0))
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(writer.run())
        writer.put(what, None)
        while "status" in file.read_text():
            await asyncio.sleep(0.001)
        assert loop.time() < 0.2
        running.cancel()
    await writer.flush()


async def test_a_save_is_given_time_to_be_followed_by_another(home: Path, file: Path) -> None:
    what = scene.resource(file)
    writer = StatusWriter(home, pace=Pace(gather=0.0, settle=0.2))
    file.write_text(file.read_text())
    saved = file.stat().st_mtime_ns
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(writer.run())
        writer.put(what, scene.status(what))
        while "Reconciled" not in file.read_text():
            await asyncio.sleep(0.005)
        running.cancel()
    await writer.flush()
    assert file.stat().st_mtime_ns - saved > 150_000_000


async def test_the_mode_says_what_the_file_system_can_do(home: Path, file: Path) -> None:
    assert StatusWriter(home).mode_of(str(file)).startswith("inline")
    assert StatusWriter(home, mode="none").mode_of(str(file)) == "none: asked for by status.write"
    assert "not there" in StatusWriter(home).mode_of(str(file.parent / "gone" / "x"))
