"""Powers: what this machine lets a test do: be without root's rights, mount a small disk."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_ROOT = os.geteuid() == 0
_SETPRIV = (
    "setpriv", "--bounding-set=-dac_override,-dac_read_search,-sys_resource", "--",
)  # fmt: skip

needs_permissions = pytest.mark.skipif(
    _ROOT and shutil.which("setpriv") is None,
    reason="root ignores permissions, and there is no setpriv to make it obey",
)


def powerless() -> Sequence[str]:
    """Put before a command: it then obeys permission bits, as everybody but root does."""
    return _SETPRIV if _ROOT else ()


@contextmanager
def small_disk(where: Path, size: str) -> Iterator[Path]:
    """A file system of `size` at `where`. Skips where none can be mounted."""
    where.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(where)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)
