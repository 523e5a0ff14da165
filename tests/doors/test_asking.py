"""Asking: the words people bring along from elsewhere, and what is said when nothing fits them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.daemons import Daemon, declare, running


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    declare(tmp_path / "source", "hello")
    before = os.umask(0)
    try:
        with running(tmp_path / "home", "-f", str(tmp_path / "source")) as started:
            os.umask(before)
            yield started
    finally:
        os.umask(before)


@pytest.mark.parametrize(("asked", "code"), [
    ("condition=Ready", 0), ("CONDITION=ready", 0), ("delete", 4), ("condition=deleted", 4),
])  # fmt: skip
def test_wait_takes_conditions_as_others_write_them(daemon: Daemon, asked: str, code: int) -> None:
    (*_, last) = daemon.stream("wait", refs=["command/hello"])
    (*_, last) = daemon.stream("wait", refs=["command/hello"], timeout=0.1, **{"for": asked})
    assert last["data"]["code"] == code, last


def test_nothing_that_matches_is_not_nothing_that_is_declared(daemon: Daemon) -> None:
    daemon.ask("wait", refs=["command/hello"])
    for kind, words in (
        ("commands", "no commands match a=zz"), ("all", "no resources match a=zz"),
        ("accounts", "no accounts declared"),
    ):  # fmt: skip
        answer = daemon.ask("table", kind=kind, selector="a=zz")
        assert (answer["rows"], answer["empty"]) == ([], words)


def test_no_file_of_the_home_is_for_others_whatever_the_umask(daemon: Daemon) -> None:
    daemon.ask("wait", refs=["command/hello"])
    for name in ("state.sources", "run/p42.pid"):
        assert (daemon.home / name).stat().st_mode & 0o777 == 0o600
