"""`python -m tests.bench.kills [ROUNDS] [--seed N]`: kill -9 of daemon, keeper and children.

After each round everything that must hold is looked at (tests/keeper/chaos.py); the first that does
not ends the run. Prints how long calm took.
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
        late = 0
        try:
            for number in range(words.rounds):
                chaos.round()
                late += chaos.last > CALM
                if (number + 1) % 100 == 0:
                    print(f"  {number + 1} rounds, slowest {chaos.slowest:.2f} s", flush=True)
        finally:
            chaos.close()
    spent = time.monotonic() - began
    print(
        f"  {words.rounds} rounds in {spent:.0f} s, seed {words.seed}: calm within "
        f"{chaos.slowest:.2f} s, {late} later than {CALM:g} s; 0 orphans, 0 doubles, 0 left behind"
    )


if __name__ == "__main__":
    main()
