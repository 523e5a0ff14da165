"""`python -m tests.bench.kills [ROUNDS] [--seed N]`: kill -9 of daemon, keeper and children.

After each round everything that must hold is looked at (tests/keeper/chaos.py); the first that does
not ends the run. Prints how long calm took: mostly the start of a daemon, 0.35 s of processor time,
so it says something of p42 only where nothing else runs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.keeper.chaos import CALM, Chaos


def main() -> None:
    """Run the rounds on a home of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kills")
    parser.add_argument("rounds", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=42)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="p42-kills-") as name:
        chaos = Chaos(Path(name) / "home", on_demand=12, always=4, seed=words.seed)
        began = time.monotonic()
        took: list[float] = []
        try:
            for number in range(words.rounds):
                chaos.round()
                took.append(chaos.last)
                if (number + 1) % 100 == 0:
                    print(f"  {number + 1} rounds: {_spread(took)}", flush=True)
        finally:
            chaos.close()
    spent = time.monotonic() - began
    late = sum(each > CALM for each in took)
    print(
        f"  {words.rounds} rounds in {spent:.0f} s, seed {words.seed}: {_spread(took)}, "
        f"{late} later than {CALM:g} s; 0 orphans, 0 doubles, 0 left behind"
    )


def _spread(took: list[float]) -> str:
    """Seconds until calm, from the middle to the slowest."""
    ordered = sorted(took)
    parts = [
        f"p{part:g} {ordered[int(len(ordered) * part / 100)]:.2f}" for part in (50, 90, 99, 99.9)
    ]
    return f"calm within {', '.join(parts)}, at most {ordered[-1]:.2f} s"


if __name__ == "__main__":
    main()
