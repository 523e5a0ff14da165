"""Faults of the disk under small files: the old file stays, it is told, it ends by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Root may do anything; without its capabilities it is a user like others.
PLAIN_USER = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
_HEAD = """
import errno, os, resource, signal, sys
from pathlib import Path
from p42.model.errors import Blocked, Retry
from p42.runtimes.disk.files import DiskFiles
home = Path(sys.argv[1])
files = DiskFiles(home, path="")
files.place(home / "a", b"old", mode=0o644)
def fails(how, says):
    try:
        files.place(home / "a", b"x" * 50_000, mode=0o644)
    except how as error:
        assert says in str(error) and str(home / "a") in str(error), error
    else:
        raise AssertionError("it was written")
def sound(whole):
    assert files.look(home / "a").data == whole
    assert os.listdir(home / ".p42") == [".gitignore"]
"""


def play(home: Path, scene: str, *around: str) -> None:
    """Run `scene` in a process of its own: the fault is of a whole process or a mount."""
    done = subprocess.run(
        [*around, sys.executable, "-c", _HEAD + textwrap.dedent(scene), str(home)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_file_size_limit_leaves_the_old_file_and_ends_by_itself(home: Path) -> None:
    play(
        home,
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
        fails(Retry, "file size limit")
        sound(b"old")
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        files.place(home / "a", b"new", mode=0o644)
        sound(b"new")
        """,
    )


def test_without_descriptors_nothing_changes_and_it_ends_by_itself(home: Path) -> None:
    play(
        home,
        """
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        for left in range(3, 7):
            resource.setrlimit(resource.RLIMIT_NOFILE, (left, limit[1]))
            try:
                files.place(home / "a", b"new", mode=0o644)
            except Retry as error:
                assert "too many open files; raise `ulimit -n`" in str(error), error
            else:
                break
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            sound(b"old")
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        sound(b"new")
        assert len(os.listdir("/proc/self/fd")) == 4, "a descriptor was lost"
        """,
    )


def test_a_directory_that_may_not_be_written_leaves_the_old_file_and_ends_by_itself(
    home: Path,
) -> None:
    play(
        home,
        """
        home.chmod(0o500)
        fails(Blocked, "no permission; give your user access")
        (home / ".p42").chmod(0)
        fails(Blocked, "no permission; give your user access")
        home.chmod(0o700)
        (home / ".p42").chmod(0o700)
        sound(b"old")
        files.place(home / "a", b"new", mode=0o644)
        sound(b"new")
        """,
        *PLAIN_USER,
    )


def test_a_file_whose_bits_were_taken_away_is_seen_as_changed_and_can_be_mended(
    home: Path,
) -> None:
    play(
        home,
        """
        (home / "a").chmod(0)
        found = files.look(home / "a")
        assert (found.form, found.mode, found.data) == ("file", 0, b""), found
        files.chmod(home / "a", 0o644)
        sound(b"old")
        """,
        *PLAIN_USER,
    )


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("size=16k", "Retry", "the disk is full; free some space"),
        ("ro", "Blocked", "the file system is read-only; mount it writable"),
    ],
)
def test_a_full_or_read_only_disk_leaves_the_old_file_and_ends_by_itself(
    home: Path, fault: str, error: str, says: str
) -> None:
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "none", str(home)]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here: not proven on this machine")
    play(
        home,
        f"""
        import subprocess
        def remount(options):
            subprocess.run(["mount", "-o", "remount," + options, str(home)], check=True)
        remount({fault!r})
        fails({error}, {says!r})
        remount("rw,size=1m")
        sound(b"old")
        files.place(home / "a", b"new", mode=0o644)
        sound(b"new")
        """,
        "unshare", "-m", "sh", "-c",
        'mount -t tmpfs -o size=1m none "$0" && exec "$@"', str(home),
    )  # fmt: skip
