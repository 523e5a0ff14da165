"""What goes wrong at the start is told with its remedy, and not tried again and again."""

from __future__ import annotations

import errno
import json
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.model.errors import Blocked, P42Error, Retry
from p42.runtimes.local.failure import MOST_PAUSE, STEADY, LocalFailure
from p42.runtimes.local.health import well
from p42.runtimes.local.report import port_of


def report(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (report(state="missing", package="xllamacpp"), Blocked, "pip install 'p42[local]'"),
        (report(state="broken", text="GLIBC_2.99"), Blocked, "GLIBC_2.99; run: "),
        (report(state="damaged", text="pieces"), Blocked, "gguf-part4"),
        (report(state="unloaded", text="init"), Retry, "450 MB"),
        (report(state="fault", errno=errno.ENOSPC, place="/h/m"), Retry, "/h/m: the disk is full"),
        (report(state="fault", errno=errno.EACCES, place="/h/m"), Blocked, "/h/m: no permission"),
        (report(state="dancing"), Retry, "never says"),
        (report(port=1), Retry, "never says"),
        (b"[]\n", Retry, "never says"),
        (b"\xff", Retry, "never says"),
    ],
)
def test_each_report_names_its_remedy(said: bytes, kind: type[P42Error], words: str) -> None:
    with pytest.raises(kind) as told:
        port_of(said)
    assert words in str(told.value)


def test_of_what_llama_says_the_first_is_the_cause() -> None:
    with pytest.raises(Retry, match="insufficient memory"):
        port_of(report(state="unloaded", text="init"), errors=["insufficient memory", "so: no"])


def pause_of(failure: LocalFailure, now: float) -> float:
    """Seconds until it may be tried again."""
    try:
        failure.check(now)
    except Retry as told:
        return told.after or 0.0
    return 0.0


@given(st.lists(st.floats(0, 10 * STEADY), max_size=12))
def test_a_pause_grows_only_while_it_keeps_dying(lives: list[float]) -> None:
    failure, now, before = LocalFailure(), 100.0, 0.0
    for lived in lives:
        failure.note(Retry("died", reason="ProviderDown"), now=now, lived=lived)
        pause = pause_of(failure, now)
        assert pause <= MOST_PAUSE
        assert pause == 0.0 if lived >= STEADY else pause >= before
        failure.check(now + pause + 0.01)
        before, now = pause, now + pause + 1.0


def test_what_only_the_user_mends_keeps_its_words() -> None:
    failure = LocalFailure()
    for _ in range(3):
        failure.note(Blocked("not there", template="gone"), now=0.0, lived=0.0)
    with pytest.raises(Blocked, match="not there") as told:
        failure.check(0.5)
    assert told.value.template == "gone"


def test_after_a_good_end_nothing_is_held_against_it() -> None:
    failure = LocalFailure()
    for _ in range(5):
        failure.note(Retry("died"), now=0.0, lived=0.0)
    failure.forget()
    failure.check(0.0)
    assert failure.row == 0


async def test_nobody_there_is_not_well() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # taken, and nobody listens
        assert not await well(free.getsockname()[1])
