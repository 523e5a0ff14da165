"""Address: a Unix socket's path as the kernel takes it, however long it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 100  # bytes; sun_path holds 108 on Linux, 104 on macOS


@contextmanager
def address(path: Path) -> Iterator[str]:
    """What to give to bind or connect inside the block. OSError when its directory is not there."""
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{path.name}"
    finally:
        os.close(handle)
