"""`python -m tests.bench.writes`: statuses into files, beside plain write, fsync and rename.

On 1,000 distinct files of 1.2 KB: with the new bytes on disk before they replace the old ones, and
without; and how long after 1,000 resources went Ready at once the last file has its status. Both
write the same bytes. The plain way reads, checks and keeps nothing; ours deletes what it displaced
a minute later, which is not in the figures.

`--directory /dev/shm` takes the disk out of the picture.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from p42.manifest.parse import parse
from p42.manifest.write import StatusWriter
from p42.manifest.write.splice import splice
from p42.model.refs import Ref
from p42.model.resource import Place, Resource, digest_of
from tests.bench.disk import file_system, spread
from tests.bench.measure import Figure

_LINES = "".join(
    f"    echo line {number:02} of the script, with a few words\n" for number in range(20)
)


def manifests(directory: Path, size: int) -> list[Resource]:
    """That many files, and what the reader makes of them."""
    directory.mkdir(parents=True)
    return [_manifest(directory / f"command-{number:05}.yaml") for number in range(size)]


def _manifest(path: Path) -> Resource:
    path.write_text(
        f"# a comment\napiVersion: p42.dev/v1\nkind: Command\nmetadata:\n  name: {path.stem}\n"
        f"spec:\n  description: says a few words\n  language: bash\n  source: |\n{_LINES}"
        "  tests:\n    - args: [a, b]\n      expect: {exitCode: 0, stdout: hi}\n"
    )
    (document,) = parse(path.read_text())
    spec = document.build()["spec"]
    digest = digest_of(spec, {})
    return Resource(Ref("Command", path.stem), Place(str(path), 0, 1), spec, digest=digest)


def body(what: Resource, number: int) -> dict[str, object]:
    """A status that is not in the file yet."""
    ready = {"type": "Ready", "status": "True", "reason": "Reconciled"}
    return {"observedSpec": what.digest, "conditions": [ready], "number": number}


async def ours(directory: Path, size: int, *, durable: bool, runs: int) -> tuple[Figure, Figure]:
    """Seconds to write a new status into every file, as fast as it goes, while the writer runs.

    The second: of the processor, which tells how fast it would be if nothing else ran.
    """
    found = manifests(directory / "manifests", size)
    writer = StatusWriter(directory / "home", durable=durable)
    samples: list[float] = []
    busy: list[float] = []
    async with asyncio.TaskGroup() as group:
        running = group.create_task(writer.run())
        await asyncio.sleep(0)  # it runs now
        for number in range(runs + 1):
            for what in found:
                writer.put(what, body(what, number))
            start, start_busy = time.perf_counter(), time.process_time()
            await writer.flush()
            samples.append(time.perf_counter() - start)
            busy.append(time.process_time() - start_busy)
        running.cancel()
    await writer.flush()
    assert all(f"number: {runs}\n" in Path(what.place.file).read_text() for what in found)
    name = "status" + (", durable" if durable else ", not synced")
    whole = Figure(f"{name}: {size} files", tuple(samples[1:]))
    return whole, Figure("  of these, the processor", tuple(busy[1:]))


def plain(directory: Path, size: int, *, durable: bool, runs: int) -> Figure:
    """The same bytes into as many files by write, fsync and rename."""
    found = manifests(directory / "manifests", size)
    samples = []
    for number in range(runs + 1):
        texts = [(path := Path(what.place.file), splice(path.read_bytes(), 0, body(what, number)))
                 for what in found]  # fmt: skip
        start = time.perf_counter()
        _replace(texts, durable=durable)
        samples.append(time.perf_counter() - start)
    name = "write, fsync, rename" if durable else "write, rename"
    return Figure(f"{name}: {size} files", tuple(samples[1:]))


def _replace(texts: Sequence[tuple[Path, bytes]], *, durable: bool) -> None:
    for path, data in texts:
        new = path.with_suffix(".new")
        with new.open("wb", buffering=0) as file:
            file.write(data)
            if durable:
                os.fsync(file.fileno())
        new.replace(path)


async def at_once(directory: Path, size: int) -> Figure:
    """Seconds from the last `put` until the last file has its status, at the usual pace."""
    found = manifests(directory / "manifests", size)
    writer = StatusWriter(directory / "home")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(writer.run())
        for what in found:
            writer.put(what, body(what, -1))
        start = time.perf_counter()
        while any(str(writer.where(what.ref)) != "inline" for what in found):
            await asyncio.sleep(0.02)
        spent = time.perf_counter() - start
        running.cancel()
    await writer.flush()
    return Figure(f"{size} resources ready at once, until written", (spent,))


def measure(top: Path, size: int, *, runs: int, say: Callable[[str], None] = print) -> None:
    """All of it, in turn, with writes per second and the ratio to the peer."""
    say(f"file system {file_system(top)}")
    for durable in (True, False):
        with _room(top) as room:
            figure, busy = asyncio.run(ours(room, size, durable=durable, runs=runs))
        with _room(top) as room:
            peer = plain(room, size, durable=durable, runs=runs)
        for one in (figure, busy, peer):
            say(f"{one.line()}  {size / one.median:,.0f} writes/s")
        say(f"  -> {peer.median / figure.median:.2f} times as fast as the plain way")
    with _room(top) as room:
        say(asyncio.run(at_once(room, size)).line())


@contextlib.contextmanager
def _room(top: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="writes-", dir=top) as name:
        yield Path(name)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.writes")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    # `/tmp` is often in memory; where manifests live is not.
    parser.add_argument("--directory", type=Path, default=Path(".bench"))
    words = parser.parse_args()
    words.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="spread-", dir=words.directory) as name:
        spread(Path(name))
        # The path of a manifest is absolute, as the reader gives it.
        measure(Path(name).resolve(), words.files, runs=words.runs)


if __name__ == "__main__":
    main()
