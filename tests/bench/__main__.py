"""`python -m tests.bench [--small]`: every figure of the loop, its peer, and how it grows.

Nothing here asserts a time: machines differ and are shared. It prints medians, spread, N and the
ratio to a peer measured in the same run.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.bench import applies, checks, corpus, reaction
from tests.bench.home import fresh_home


def main() -> None:
    """Run the parts named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("parts", nargs="*", default=["validate", "get", "apply", "react"])
    parser.add_argument("--small", action="store_true", help="a minute instead of ten")
    words = parser.parse_args()
    sizes = [20] if words.small else [100, 1000, 10000]
    runs = 2 if words.small else 5
    parts = {"validate": _validate, "get": _get, "apply": _apply, "react": _react}
    for part in words.parts:
        print(f"{part}:")
        parts[part](sizes, runs)


def _validate(sizes: list[int], runs: int) -> None:
    for size in sizes:
        checks.validate(size, runs=min(runs, 3) if size > 1000 else runs)


def _get(sizes: list[int], runs: int) -> None:
    for size in sizes[:2]:
        checks.get(size, runs=runs * 3)


def _apply(sizes: list[int], runs: int) -> None:
    for size in sizes:
        figures = applies.three(size, runs=1 if size > 1000 else min(runs, 3))
        for figure in figures.values():
            print(figure.line())
        if size > 1000:
            continue  # pyinfra takes a minute for 1,000; ten would say nothing new
        with tempfile.TemporaryDirectory(prefix="p42-bench-") as name:
            peers = applies.pyinfra(size, root=Path(name))
        if peers is None:
            print("  (pyinfra is not installed: pip install -e .[bench])")
            continue
        for key, peer in peers.items():
            print(peer.line())
            print(f"  -> {peer.median / figures[key].median:.0f} times faster")


def _react(sizes: list[int], runs: int) -> None:
    for size in sizes:
        with fresh_home() as home:
            paths = corpus.write(home.manifests, size)
            home.p42("apply", "-f", str(home.manifests), "--timeout", "300s")
            print(reaction.saves(home, paths, runs=runs * 10).line())
            print(reaction.repairs(home, paths, runs=runs * 10).line())
            # Files that the status writer displaced are looked at for a minute more.
            share, resident = reaction.idle(home, seconds=3.0 if runs == 2 else 60.0,
                                            after=0.0 if runs == 2 else 65.0)  # fmt: skip
            print(f"  idle with {size}: {share:.2%} of a core, {resident:.0f} MiB resident")


if __name__ == "__main__":
    main()
