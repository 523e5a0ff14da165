"""Leash: how much of the machine a script may take that nobody has agreed to yet.

The sandbox bounds what it reaches, its time limit how long; this bounds memory, files and processes
meanwhile. What it began ends with it, for it has its own process name space where bubblewrap is.

Caveat: the kernel exempts root from the limit on processes (setrlimit(2)): there, only time counts.
"""

from __future__ import annotations

from collections.abc import Sequence

MEMORY = 1 << 20  # KiB of data a process; node needs a tenth of it to begin
FILE = 1 << 17  # blocks of 512 bytes: 64 MiB a file
# Of the sandbox; before Linux 5.14 of the whole user, and a desktop has some hundreds of threads.
PROCESSES = 2048

# dash has -p where others have -u.
_SET = f"""\
ulimit -d {MEMORY} 2>/dev/null; ulimit -f {FILE} 2>/dev/null
ulimit -u {PROCESSES} 2>/dev/null || ulimit -p {PROCESSES} 2>/dev/null
exec "$@"
"""


def leashed(argv: Sequence[str]) -> list[str]:
    """`argv`, to be run within these limits."""
    return ["/bin/sh", "-c", _SET, "sh", *argv]
