"""Leash: how much of the machine a script may take that a model wrote, or runs.

The sandbox bounds what it reaches, its time limit how long; this bounds memory, files, processes
and processor time meanwhile. What it began ends with it, for it has its own process name space
where bubblewrap is; where it goes on after the time limit, it still has its processor time alone.

Caveat: the kernel exempts root from the limit on processes (setrlimit(2)): there, only time counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Of the sandbox; before Linux 5.14 of the whole user, and a desktop has some hundreds of threads.
PROCESSES = 2048
LATER = 5  # s; to write a last word


@dataclass(frozen=True, slots=True)
class Limits:
    """`memory`: KiB of data, each process; `file`: MiB, each file; `seconds` of a processor, each
    process."""

    memory: int
    file: int
    seconds: int
    processes: int = PROCESSES


# Of what nobody has agreed to yet. node needs a tenth of the memory to begin.
TRIAL = Limits(memory=1 << 20, file=64, seconds=60)
# Of a command that a model calls: git, node and pip at their work, in the 30 s that it has.
CALL = Limits(memory=2 << 20, file=512, seconds=120)


def leashed(argv: Sequence[str], limits: Limits = TRIAL) -> list[str]:
    """`argv`, to be run within these limits."""
    blocks = limits.file << 11  # a shell counts in 512 bytes
    # dash has -p where others have -u.
    lines = (
        f"ulimit -d {limits.memory} 2>/dev/null; ulimit -f {blocks} 2>/dev/null",
        # At the soft one it is told, by SIGXCPU; who does not mind is killed at the hard one.
        f"ulimit -S -t {limits.seconds} 2>/dev/null",
        f"ulimit -H -t {limits.seconds + LATER} 2>/dev/null",
        f"ulimit -u {limits.processes} 2>/dev/null || ulimit -p {limits.processes} 2>/dev/null",
        'exec "$@"',
    )
    return ["/bin/sh", "-c", "\n".join(lines), "sh", *argv]
