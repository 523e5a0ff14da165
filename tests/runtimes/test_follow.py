"""News of a directory: quick, never too few for long, silent while nothing happens."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from p42.runtimes.disk import inotify
from p42.runtimes.disk.files import DiskFiles
from p42.runtimes.disk.follow import follow


class Ear:
    """Listens in a task of its own; `hears` waits until all those names were told."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._told: set[str] = set()
        self._news = asyncio.Condition()
        self.times = 0

    async def listen(self) -> None:
        async with aclosing(follow(self._directory, ignore=".p42")) as changes:  # type: ignore[type-var]
            async for names in changes:
                async with self._news:
                    self._told |= names
                    self.times += 1
                    self._news.notify_all()

    async def hears(self, *names: str) -> None:
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: set(names) <= self._told)
            self._told.clear()


@asynccontextmanager
async def listening(directory: Path) -> AsyncIterator[Ear]:
    ear = Ear(directory)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ear.listen())
        await asyncio.sleep(0.02)  # the watch stands; a hint lost before it is not what is tested
        yield ear
        task.cancel()


@pytest.fixture
def directory(home: Path) -> Path:
    made = home / "commands"
    made.mkdir()
    (made / "old").write_text("x")
    return made


async def test_every_way_to_tamper_is_told(directory: Path) -> None:
    async with listening(directory) as ear:
        (directory / "new").write_text("x")
        await ear.hears("new")
        (directory / "old").write_text("y")
        await ear.hears("old")
        (directory / "old").chmod(0)
        await ear.hears("old")
        (directory / "old").rename(directory / "moved")
        await ear.hears("old", "moved")
        (directory / "moved").unlink()
        await ear.hears("moved")
        (directory / "link").symlink_to("/nowhere")
        await ear.hears("link")


async def test_a_name_that_is_no_text_is_told_as_the_file_system_spells_it(
    directory: Path,
) -> None:
    async with listening(directory) as ear:
        (directory / os.fsdecode(b"\xff\n name")).touch()
        await ear.hears(os.fsdecode(b"\xff\n name"))


async def test_p42s_own_unfinished_files_are_not_told(home: Path, directory: Path) -> None:
    files = DiskFiles(home, path="")
    ear = Ear(directory)
    told: set[str] = set()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ear.listen())
        await asyncio.sleep(0.02)
        files.place(directory / "a", b"x", mode=0o755)
        await ear.hears("a")
        told |= ear._told
        task.cancel()
    assert ".p42" not in told


async def test_news_come_within_milliseconds(directory: Path) -> None:
    took = []
    async with listening(directory) as ear:
        for number in range(20):
            before = time.perf_counter()
            (directory / f"f{number}").touch()
            await ear.hears(f"f{number}")
            took.append(time.perf_counter() - before)
    assert sorted(took)[10] < 0.1


async def test_a_directory_that_is_deleted_and_made_again_is_followed_on(
    directory: Path,
) -> None:
    async with listening(directory) as ear:
        for _ in range(2):
            shutil.rmtree(directory)
            await ear.hears("old")
            directory.mkdir()
            (directory / "old").write_text("x")
            await ear.hears("old")
            (directory / "later").write_text("x")
            await ear.hears("later")


async def test_a_directory_moved_away_with_another_in_its_place_is_followed_on(
    directory: Path,
) -> None:
    async with listening(directory) as ear:
        directory.rename(directory.with_name("away"))
        directory.mkdir()
        await ear.hears("old")
        (directory / "new").touch()
        await ear.hears("new")


async def test_a_directory_that_is_not_there_yet_is_waited_for(home: Path) -> None:
    async with listening(home / "a" / "b") as ear:
        (home / "a").mkdir()
        (home / "a" / "b").mkdir()
        (home / "a" / "b" / "c").touch()
        await ear.hears("c")


async def test_an_overflow_tells_every_name_known_before_or_now(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's queue holds 16384 events; it is filled while nobody reads it."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    async with listening(directory) as ear:
        (directory / "known").touch()
        await ear.hears("known")
        (directory / "noise").touch()
        for number in range(limit // 2 + 100):
            for name in ("old", "noise"):  # two names: equal events in a row would be merged
                (directory / name).chmod(0o600 + number % 2 * 0o44)
        (directory / "unheard").touch()
        (directory / "known").unlink()
        await ear.hears("known", "old", "noise", "unheard")


async def test_nothing_is_told_and_nothing_runs_while_nothing_happens(directory: Path) -> None:
    async with listening(directory) as ear:
        before = time.process_time()
        await asyncio.sleep(0.3)
        assert ear.times == 0
        assert time.process_time() - before < 0.05


async def test_a_closed_follower_leaves_no_descriptor(directory: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        async with listening(directory) as ear:
            (directory / "a").touch()
            await ear.hears("a")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_event_without_a_name_is_of_the_directory_itself(directory: Path) -> None:
    number = inotify.open_watch(str(directory), inotify.CHANGES)
    try:
        assert list(inotify.read_news(number)) == []
        directory.chmod(0o700)
        assert [news.name for news in inotify.read_news(number)] == [""]
    finally:
        os.close(number)
