"""Watch: hints arrive soon, nothing ends the watch, and what is uncertain becomes "anything"."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from p42.manifest.read import Reader
from p42.manifest.watch import BURST
from tests.manifest.conftest import AGENT, Tree

DEADLINE = 10.0  # s; a hint takes 10 ms, a loaded machine more


class Hints:
    """Everything the watch said, and a way to wait for something of it."""

    def __init__(self) -> None:
        self.said: list[frozenset[str] | None] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self, paths: frozenset[str] | None) -> None:
        self.said.append(paths)
        task = asyncio.ensure_future(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, met: Callable[[list[frozenset[str] | None]], bool]) -> None:
        async with asyncio.timeout(DEADLINE), self._news:
            await self._news.wait_for(lambda: met(self.said))

    async def path(self, path: Path) -> None:
        await self.until(lambda said: any(paths and str(path) in paths for paths in said))

    async def anything(self, *, times: int = 1) -> None:
        await self.until(lambda said: said.count(None) >= times)


@asynccontextmanager
async def watching(reader: Reader, sources: list[str]) -> AsyncIterator[Hints]:
    for source in sources:
        reader.look(source)
    hints = Hints()
    task = asyncio.create_task(reader.watch(lambda: sources, hints.wake))
    try:
        await hints.anything()  # the first watch stands
        hints.said.clear()
        yield hints
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_save_of_any_style_is_hinted(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT, "sub/b.yaml": AGENT})
    async with watching(reader, [str(root)]) as hints:
        (root / "a.yaml").write_text(AGENT + "#\n")
        await hints.path(root / "a.yaml")
        hints.said.clear()
        (root / "sub" / "4913").write_text(AGENT)
        (root / "sub" / "4913").rename(root / "sub" / "b.yaml")
        await hints.path(root / "sub" / "b.yaml")
        hints.said.clear()
        (root / "a.yaml").unlink()
        await hints.path(root / "a.yaml")


async def test_a_change_of_a_named_file_hints_its_manifest(tree: Tree, reader: Reader) -> None:
    spec = "spec:\n  sourceFile: bin/hi.sh\n"
    manifest = f"apiVersion: p42.dev/v1\nkind: Command\nmetadata: {{name: hi}}\n{spec}"
    root = tree({"a.yaml": manifest, "bin/hi.sh": "ls"})
    async with watching(reader, [str(root / "a.yaml")]) as hints:
        (root / "bin" / "hi.sh").write_text("pwd")
        await hints.path(root / "a.yaml")


async def test_other_peoples_files_wake_nobody(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT, "node_modules/x/b.yaml": "", "readme.txt": ""})
    async with watching(reader, [str(root)]) as hints:
        (root / "readme.txt").write_text("x")
        (root / "node_modules" / "x" / "b.yaml").write_text("x")
        (root / "a.yaml").write_text(AGENT + "#\n")
        await hints.path(root / "a.yaml")
        assert hints.said == [frozenset({str(root / "a.yaml")})]


async def test_a_new_directory_means_anything_and_is_then_watched(
    tree: Tree, reader: Reader
) -> None:
    root = tree({"a.yaml": AGENT})
    async with watching(reader, [str(root)]) as hints:
        (root / "new").mkdir()
        await hints.anything()
        (root / "new" / "b.yaml").write_text(AGENT)
        reader.look(str(root))  # as the engine does when anything may be new
        await hints.anything(times=2)
        hints.said.clear()
        (root / "new" / "b.yaml").write_text(AGENT + "#\n")
        await hints.path(root / "new" / "b.yaml")


async def test_a_source_that_was_replaced_is_watched_again(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT})
    async with watching(reader, [str(root)]) as hints:
        root.rename(root.with_name("old"))
        root.mkdir()
        await hints.anything()
        await asyncio.sleep(0)
        (root / "a.yaml").write_text(AGENT)
        await hints.until(lambda said: len(said) >= 2)


async def test_a_source_added_later_is_watched(tree: Tree, reader: Reader, tmp_path: Path) -> None:
    root = tree({"a.yaml": AGENT})
    sources = [str(root)]
    other = tmp_path / "other"
    other.mkdir()
    async with watching(reader, sources) as hints:
        sources.append(str(other))
        await hints.anything()
        (other / "b.yaml").write_text(AGENT)
        await hints.path(other / "b.yaml")


async def test_nothing_to_watch_is_no_end(reader: Reader, tmp_path: Path) -> None:
    sources = [str(tmp_path / "later")]
    hints = Hints()
    task = asyncio.create_task(reader.watch(lambda: sources, hints.wake))
    (tmp_path / "later").mkdir()
    await hints.anything()
    task.cancel()
    await asyncio.wait([task])


async def test_a_name_that_is_not_utf8_does_not_end_the_watch(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT})
    async with watching(reader, [str(root)]) as hints:
        Path(os.fsdecode(os.fsencode(root) + b"/\xff.txt")).write_text("x")
        await hints.anything()
        hints.said.clear()
        await hints.anything()  # started again
        (root / "a.yaml").write_text(AGENT + "#\n")
        await hints.path(root / "a.yaml")


async def test_a_burst_means_anything(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT})
    async with watching(reader, [str(root)]) as hints:
        for number in range(BURST * 3):
            (root / f"b{number}.yaml").touch()
        await hints.until(lambda said: None in said or sum(len(p or ()) for p in said) > BURST)
