"""Disk: the file system that a measurement runs on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602  # linux/fs.h, FS_IOC_GETFLAGS and FS_IOC_SETFLAGS
_TOP = 0x00020000  # FS_TOPDIR_FL: what `chattr +T` sets


def file_system(directory: Path) -> str:
    """Its type, as stat(1) calls it; the system's name where that is not there."""
    if shutil.which("stat") is None:
        return os.uname().sysname
    return subprocess.run(
        ["stat", "-f", "-c", "%T", directory], capture_output=True, text=True, check=False
    ).stdout.strip()


def spread(directory: Path) -> None:
    """Let the directories made in it be far from each other on the disk, where ext4 can do that.

    Without a journal ext4 passes over the inodes that were deleted in the last minutes near a new
    file one by one (`recently_deleted`): 0.6 ms a file once thousands were. So one measurement
    would slow the next.
    """
    if sys.platform != "linux":
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            flags = bytearray(8)
            fcntl.ioctl(descriptor, _GET_FLAGS, flags)
            now = int.from_bytes(flags, sys.byteorder)
            fcntl.ioctl(descriptor, _SET_FLAGS, (now | _TOP).to_bytes(8, sys.byteorder))
    finally:
        os.close(descriptor)
