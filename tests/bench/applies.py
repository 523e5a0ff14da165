"""Applying many commands: first, unchanged, one changed; pyinfra's files.put beside it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.bench import corpus
from tests.bench.home import Home, fresh_home
from tests.bench.measure import Figure, ran

DEPLOY = """
from pathlib import Path
from pyinfra.operations import files
for path in sorted(Path({source!r}).iterdir()):
    files.put(name=path.name, src=str(path), dest={dest!r} + "/" + path.name, mode="755")
"""


def three(count: int, *, runs: int) -> dict[str, Figure]:
    """First apply in a fresh home, then nothing changed, then one changed; whole processes."""
    samples: dict[str, list[float]] = {"first": [], "nothing": [], "one": []}
    for run in range(runs):
        with fresh_home() as home:
            paths = corpus.write(home.manifests, count)
            samples["first"].append(_apply(home))
            samples["nothing"].append(_apply(home))
            paths[count // 2].write_text(corpus.command(paths[count // 2].stem, word=f"new{run}"))
            samples["one"].append(_apply(home))
    titles = {"first": "first apply", "nothing": "nothing changed", "one": "one changed"}
    return {
        key: Figure(f"p42 apply, {count} commands, {titles[key]}", tuple(values))
        for key, values in samples.items()
    }


def _apply(home: Home) -> float:
    start = time.perf_counter()
    home.p42("apply", "-f", str(home.manifests), "--timeout", "300s")
    return time.perf_counter() - start


def pyinfra(count: int, *, root: Path) -> dict[str, Figure] | None:
    """The same three with pyinfra's `files.put` at @local; None where it is not installed."""
    program = Path(sys.executable).parent / "pyinfra"
    if not program.exists():
        return None
    source, dest = root / "source", root / "dest"
    dest.mkdir(parents=True)
    paths = corpus.write(source, count)
    deploy = root / "deploy.py"
    deploy.write_text(DEPLOY.format(source=str(source), dest=str(dest)))
    figures = {}
    for key in ("first", "nothing", "one"):
        if key == "one":
            paths[0].write_text("changed\n")
        start = time.perf_counter()
        ran([str(program), "-y", "@local", str(deploy)], cwd=root)
        title = f"pyinfra files.put, {count} files, {key}"
        figures[key] = Figure(title, (time.perf_counter() - start,))
    return figures
