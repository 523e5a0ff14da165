"""Corpus: manifests for benches, about 1.2 KB each, every one different."""

from __future__ import annotations

from pathlib import Path

FILLER = "\n".join(
    f"    # line {n:02d}: what this command is for, said at some length" for n in range(13)
)


def command(name: str, *, word: str = "hello") -> str:
    """A Command manifest that prints `word`."""
    return f"""apiVersion: p42.dev/v1
kind: Command
metadata:
  name: {name}
  labels:
    team: bench
    size: small
spec:
  description: Says {word} the way {name} does
  language: bash
  dependencies: [git]
  source: |
{FILLER}
    set -eu
    echo "{word} from {name}: $*"
"""


def write(directory: Path, count: int) -> list[Path]:
    """`count` manifests in `directory`, one a file."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = directory / f"bench-{number:05d}.yaml"
        path.write_text(command(f"bench-{number:05d}"))
        paths.append(path)
    return paths
