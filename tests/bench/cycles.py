"""`python -m tests.bench.cycles [CYCLES] [--batch N]`: project CIs created and deleted.

Prints what daemon and keeper hold at the start, on the way and at the end: that has to be flat.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.keeper.cycles import Cycles

LINES = 10  # samples that are printed


def main() -> None:
    """Run them on a home of its own. The first two batches warm up: caches, threads, pools."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cycles")
    parser.add_argument("cycles", nargs="?", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=250)
    words = parser.parse_args()
    batches = max(1, words.cycles // words.batch)
    with tempfile.TemporaryDirectory(prefix="p42-cycles-") as name:
        cycles = Cycles(Path(name))
        began = time.monotonic()
        try:
            for number, sample in enumerate(cycles.run(batches, words.batch), 1):
                if number <= 2 or number % max(1, batches // LINES) == 0 or number == batches:
                    print(sample.line(), flush=True)
        finally:
            cycles.close()
    print(f"  {cycles.done} cycles in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
