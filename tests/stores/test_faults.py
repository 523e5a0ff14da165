"""Faults of the disk, real ones: each is told as Retry or Blocked, nothing acknowledged is lost.

The faults are of a whole process or a mount, so each scene plays in a process of its own.
"""

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
import asyncio, errno, os, resource, signal, sys
from pathlib import Path
from p42.model.errors import Blocked, P42Error, Retry
from p42.stores.state.database import Database
from p42.stores.ledger import SqliteLedger
from tests.stores.contract import entry
home = Path(sys.argv[1])

async def fill(ledger, names):
    done = []
    for name in names:
        try:
            await ledger.record(entry(name))
        except P42Error as error:
            return done, error
        done.append(name)
    return done, None

def names(ledger):
    return [found.ref.name for found in ledger.entries()]
"""


def play(home: Path, scene: str, *around: str) -> None:
    """Run `scene` in a fresh Python; an assertion in it fails the test with its traceback."""
    source = _HEAD + textwrap.dedent(scene)
    done = subprocess.run(
        [*around, sys.executable, "-c", source, str(home)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_file_size_limit_is_a_retry_and_ends_without_a_restart(home: Path) -> None:
    play(
        home,
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        async def main():
            with Database.open(home) as database:
                ledger = SqliteLedger(database)
                limit = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limit[1]))
                done, error = await fill(ledger, [f"n{i}" for i in range(2000)])
                assert isinstance(error, Retry), error
                assert "state.db" in str(error), error
                assert sorted(done) == names(ledger)
                resource.setrlimit(resource.RLIMIT_FSIZE, limit)
                more, error = await fill(ledger, ["after"])
                assert error is None
            with Database.open(home) as database:
                assert names(SqliteLedger(database)) == sorted([*done, "after"])
        asyncio.run(main())
        """,
    )


def test_a_full_disk_is_a_retry_and_ends_when_there_is_room(home: Path) -> None:
    home.mkdir()
    mounted = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=1m", "none", str(home)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip("no tmpfs can be mounted here: a full disk is not proven on this machine")
    play(
        home,
        """
        async def main():
            ballast = home / "ballast"
            ballast.write_bytes(b"x" * 300_000)
            with Database.open(home) as database:
                ledger = SqliteLedger(database)
                done, error = await fill(ledger, [f"n{i}" for i in range(3000)])
                assert isinstance(error, Retry), error
                assert "disk is full" in str(error) and "free some space" in str(error), error
                assert sorted(done) == names(ledger)
                ballast.unlink()
                more, error = await fill(ledger, ["after"])
                assert error is None, error
            with Database.open(home) as database:
                assert names(SqliteLedger(database)) == sorted([*done, "after"])
        asyncio.run(main())
        """,
        "unshare", "-m", "sh", "-c",
        'mount -t tmpfs -o size=1m none "$0" && exec "$@"', str(home),
    )  # fmt: skip


def test_without_descriptors_nothing_is_lost_and_it_ends_when_there_are_some(home: Path) -> None:
    play(
        home,
        """
        async def main():
            with Database.open(home) as database:
                ledger = SqliteLedger(database)
                await ledger.record(entry("before"))
                held, paths = [], list(home.glob("state.db*"))
                resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
                try:
                    while True:
                        held.append(os.open("/dev/null", os.O_RDONLY))
                except OSError as error:
                    assert error.errno == errno.EMFILE
                done, error = await fill(ledger, ["during"])
                assert error is None, error  # what is open stays open
                for path in paths:
                    path.unlink()
                done, error = await fill(ledger, ["renewed"])
                assert error is None, error  # in place of the descriptors of the old one
                for number in held:
                    os.close(number)
                done, error = await fill(ledger, ["after"])
                assert error is None, error
            with Database.open(home) as database:
                assert names(SqliteLedger(database)) == ["after", "before", "during", "renewed"]
        asyncio.run(main())
        """,
    )


def test_without_descriptors_at_the_start_it_says_so(home: Path) -> None:
    play(
        home,
        """
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        try:
            Database.open(home)
        except Retry as error:
            assert "too many open files" in str(error) and "state.db" in str(error), error
        else:
            raise AssertionError("it opened")
        """,
    )


def test_a_home_closed_to_its_own_user_is_opened_again(home: Path) -> None:
    play(
        home,
        """
        Database.open(home).close()
        (home / "state.db").chmod(0o400)
        home.chmod(0o500)
        async def main():
            with Database.open(home) as database:
                await SqliteLedger(database).record(entry())
        asyncio.run(main())
        """,
        *PLAIN_USER,
    )


def test_a_home_below_a_directory_that_may_not_be_written_is_told(home: Path) -> None:
    play(
        home,
        """
        home.mkdir()
        home.chmod(0o500)
        try:
            Database.open(home / "below")
        except Blocked as error:
            assert "no permission" in str(error) and str(home) in str(error), error
        else:
            raise AssertionError("it opened")
        """,
        *PLAIN_USER,
    )


def test_a_read_only_file_system_is_told_with_its_remedy(home: Path) -> None:
    home.mkdir()
    probe = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("nothing can be mounted here: a read-only disk is not proven on this machine")
    play(
        home,
        """
        try:
            Database.open(home)
        except Blocked as error:
            assert "read-only" in str(error) and str(home) in str(error), error
        else:
            raise AssertionError("it opened")
        """,
        "unshare", "-m", "sh", "-c",
        'mount -t tmpfs -o ro none "$0" && exec "$@"', str(home),
    )  # fmt: skip
