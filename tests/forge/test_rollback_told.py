"""What `p42 rollback` says of the version it goes to, and of those it has no room for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p42.scripts.lock import Lock, Version, digest_of, parse, render
from tests.doors.daemons import running
from tests.e2e.test_ask import cli, document

LINES = Version(digest_of("say la"), ":\n" * 60_000, "bash", "smith", "m-2")  # wider in the list
SMALL = Version(digest_of("say la"), "echo la\n", "bash", "smith", "m-1")
LARGE = Version(digest_of("say la"), "x" * (250 << 10) + "\n", "bash", "smith", "m-0")


@pytest.mark.parametrize(("lock", "dropped"), [
    (Lock(LINES, (SMALL, LARGE, LARGE)), 1), (Lock(SMALL, (LINES,)), 0),
])  # fmt: skip
def test_a_rollback_tells_which_version_and_what_went(
    tmp_path: Path, lock: Lock, dropped: int
) -> None:
    file = tmp_path / "tree" / "forged" / "sing.lock.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(render("sing", lock))
    assert len(parse(file.read_bytes()).earlier) == len(lock.earlier)
    (tmp_path / "tree" / "sing.json").write_text(document("Command", "sing", prompt="say la"))
    with running(tmp_path / "home", P42_HTTP_PORT="0") as daemon:
        daemon.ask("apply", paths=[str(tmp_path / "tree")])
        done = cli(daemon, "rollback", "command/sing")
        assert done.returncode == 0, done.stderr
        assert f"is now the version of {lock.earlier[0].title}" in done.stdout
        assert ("1 of its oldest versions found no room" in done.stderr) == (dropped == 1)
        assert len(parse(file.read_bytes()).earlier) == len(lock.earlier) - dropped
        if not dropped:
            told = json.loads(cli(daemon, "rollback", "command/sing", "-o", "json").stdout)
            assert (told["to"], told["dropped"]) == (lock.current and lock.current.title, 0)
