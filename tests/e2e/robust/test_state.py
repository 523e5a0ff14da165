"""The database may vanish, rot or be too new: nothing that was made is lost or made twice."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.robust.box import Box
from tests.e2e.robust.texts import account, agent, command, save

NAMES = ["local", "muse", "one", "two"]


@pytest.fixture
def four(box: Box) -> Box:
    save(box.manifests / "one.yaml", command("one"))
    save(box.manifests / "two.yaml", command("two"))
    save(box.manifests / "muse.yaml", agent("muse", accountRef="local"))
    save(box.manifests / "local.yaml", account("local"))
    box.apply()
    box.settled(*NAMES)
    return box


def entries(home: Path) -> set[str]:
    """Names in the ledger of a stopped home."""
    with sqlite3.connect(f"file:{home / 'state.db'}?mode=ro", uri=True) as db:
        return {name for (name,) in db.execute("SELECT name FROM ledger")}


def inodes(box: Box) -> dict[str, int]:
    return {name: box.forged(name).stat().st_ino for name in ("one", "two")}


def test_a_database_deleted_while_running_is_written_again_from_memory(four: Box) -> None:
    before = inodes(four)
    for path in four.home.glob("state.db*"):
        path.unlink()
    save(four.manifests / "three.yaml", command("three"))
    four.settled("three", *NAMES)
    assert inodes(four) == before
    four.stop()
    assert entries(four.home) == {"three", *NAMES}
    four.serve().settled("three", *NAMES)


@pytest.mark.parametrize("how", ["garbage", "half", "empty", "a-page"])
def test_a_database_damaged_while_stopped_is_set_aside_and_nothing_is_torn_down(
    four: Box, how: str
) -> None:
    box, path = four, four.home / "state.db"
    before = inodes(box)
    box.stop()
    data = path.read_bytes()
    page = len(data) // 2 // 4096 * 4096
    path.write_bytes({
        "garbage": b"not a database at all\n" * 500,
        "half": data[: len(data) // 2],
        "empty": b"",
        "a-page": data[:page] + b"\xff" * 4096 + data[page + 4096 :],
    }[how])  # fmt: skip
    (box.manifests / "two.yaml").unlink()  # its absence proves nothing in this run
    box.serve()
    box("apply", "-f", str(box.manifests))
    box.until(lambda: box.item("one").get("ready") == "True", "adopted again")
    assert inodes(box) == before
    assert how == "empty" or list(box.home.glob("state.db.corrupt-*"))
    assert box("get", "status").code in (0, 2)
    assert how == "empty" or "was damaged" in box("doctor").out
    assert how == "empty" or "state.db.corrupt-1" in box("logs", "daemon").out
    save(box.manifests / "two.yaml", command("two"))
    box.settled(*NAMES)
    assert inodes(box) == before
    assert box("delete", "-f", str(box.manifests)).code == 0
    assert not box.forged("one").exists()


def test_a_newer_database_is_refused_with_a_message_and_left_as_it_is(four: Box) -> None:
    four.stop()
    path = four.home / "state.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9999")
    db.close()
    before = path.read_bytes()
    said = four("start")
    assert said.code in (3, 5)
    assert "newer p42" in said.err
    assert "9999" in said.err
    assert path.read_bytes() == before
    diff = four("diff", "-f", str(four.manifests))
    assert diff.code == 3
    assert "newer p42" in diff.err


def test_a_home_that_is_deleted_under_a_running_daemon_comes_back(four: Box) -> None:
    shutil.rmtree(four.home / "commands")
    four.until(lambda: four.runs("one") == "one\n", "healed")
    four.until(lambda: four.runs("two") == "two\n", "healed")
    four.settled(*NAMES)
