"""`python -m tests.bench.writes`: statuses into files, beside plain write, fsync and rename.

On 1,000 distinct files of 1.2 KB: with the new bytes on disk before they replace the old ones, and
without; and how long after 1,000 resources went Ready at once the last file has its status.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from p42.manifest.parse import parse
from p42.manifest.write import StatusWriter
from p42.model.refs import Ref
from p42.model.resource import Place, Resource, digest_of
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


async def ours(directory: Path, found: list[Resource], *, durable: bool, runs: int) -> Figure:
    """Seconds to write a new status into every file, as fast as it goes."""
    writer = StatusWriter(directory / "home", durable=durable)
    samples = []
    for number in range(runs + 1):
        for what in found:
            writer.put(what, body(what, number))
        start = time.perf_counter()
        await writer.flush()
        samples.append(time.perf_counter() - start)
    name = "status" + (", durable" if durable else ", not synced")
    return Figure(f"{name}: {len(found)} files", tuple(samples[1:]))


def plain(found: list[Resource], *, durable: bool, runs: int) -> Figure:
    """The same number of files replaced by write, fsync and rename, read by nobody."""
    samples = []
    for _ in range(runs):
        start = time.perf_counter()
        for what in found:
            _replace(Path(what.place.file), durable=durable)
        samples.append(time.perf_counter() - start)
    name = "write, fsync, rename" if durable else "write, rename"
    return Figure(f"{name}: {len(found)} files", tuple(samples))


def _replace(path: Path, *, durable: bool) -> None:
    data = path.read_bytes()
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    new.replace(path)


async def at_once(directory: Path, found: list[Resource]) -> Figure:
    """Seconds from the last `put` until the last file has its status, at the usual pace."""
    writer = StatusWriter(directory / "other-home")
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
    return Figure(f"{len(found)} resources ready at once, until written", (spent,))


def measure(size: int, *, runs: int, say: Callable[[str], None] = print) -> None:
    """All of it, in turn, with writes per second and the ratio to the peer."""
    with tempfile.TemporaryDirectory(prefix="writes-", dir=_outside_of_tmp()) as name:
        directory = Path(name)
        found = manifests(directory / "manifests", size)
        for durable in (True, False):
            figure = asyncio.run(ours(directory, found, durable=durable, runs=runs))
            peer = plain(found, durable=durable, runs=runs)
            for one in (figure, peer):
                say(f"{one.line()}  {size / one.median:,.0f} writes/s")
            say(f"  -> {peer.median / figure.median:.2f} times as fast as the plain way")
        say(asyncio.run(at_once(directory, found)).line())


def _outside_of_tmp() -> str:
    """`/tmp` is often in memory; where manifests live is not."""
    Path(".bench").mkdir(exist_ok=True)
    return ".bench"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.writes")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    words = parser.parse_args()
    measure(words.files, runs=words.runs)


if __name__ == "__main__":
    main()
