"""`p42 session import` and `export`: a file of any honest size, and a reason for every other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors.daemons import Daemon, running
from tests.e2e.test_ask import until
from tests.talk.test_transfer import WHOLE


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("sessions") / "home", P42_HTTP_PORT="0") as started:
        yield started


def p42(
    daemon: Daemon, *words: str, cwd: Path | None = None, stdin: bytes = b""
) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "p42", "session", *words], input=stdin, capture_output=True,
        env={**os.environ, "P42_HOME": str(daemon.home)}, cwd=cwd, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def session(name: str, **more: Any) -> bytes:
    return json.dumps({**WHOLE, "id": name, **more}).encode()


def test_a_session_larger_than_a_request_goes_out_and_in(daemon: Daemon, tmp_path: Path) -> None:
    messages = [{**WHOLE["messages"][0], "content": f"{n} " * 100} for n in range(15_000)]
    (tmp_path / "big.json").write_bytes(session("big", messages=messages))
    assert (tmp_path / "big.json").stat().st_size > 8 << 20
    code, out, _ = p42(daemon, "import", "big.json", cwd=tmp_path)
    assert (code, out) == (0, "big kept, 15000 messages\n")
    code, out, _ = p42(daemon, "export", "big")
    assert (code, json.loads(out)["messages"]) == (0, messages)
    code, again, _ = p42(daemon, "import", "-", stdin=out.encode())
    assert (code, again) == (0, "big kept, 15000 messages\n")
    assert [each.name for each in (daemon.home / "run").glob("import-*")] == []


def test_another_of_that_id_is_refused_and_the_first_stays(daemon: Daemon) -> None:
    assert p42(daemon, "import", "-", stdin=session("one"))[0] == 0
    code, _, told = p42(daemon, "import", "-", stdin=session("one", title="else"))
    assert (code, "is here, and stays: p42 session show one" in told) == (1, True)
    assert json.loads(p42(daemon, "export", "one")[1])["title"] == "hello there"


def test_what_is_no_session_is_named_with_its_file_and_the_field(
    daemon: Daemon, tmp_path: Path
) -> None:
    (tmp_path / "odd.json").write_bytes(session("x\ny"))
    code, _, told = p42(daemon, "import", "odd.json", cwd=tmp_path)
    assert code == 3
    assert "odd.json: this is no exported session: id: " in told
    assert told.endswith("nothing was kept\n")
    for name in ("absent.json", ".", "/dev/zero"):
        code, _, told = p42(daemon, "import", name, cwd=tmp_path)
        assert (code, told.startswith(f"p42: {name}: "), "Traceback" in told) == (3, True, False)


def test_an_imported_session_is_mirrored_and_searched(daemon: Daemon) -> None:
    p42(daemon, "import", "-", stdin=session("seen", title="a walrus"))
    assert "seen" in p42(daemon, "search", "hello")[1]
    index = daemon.home / "memory" / "index.json"
    until(lambda: '"seen"' in index.read_text(), "it stands in the original's index, too")


def test_the_agent_of_a_strangers_session_is_no_path_of_a_file(daemon: Daemon) -> None:
    from p42.cli.repl.loop import _history

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("P42_HOME", str(daemon.home))
        assert _history("../../escape") == daemon.home / "history" / "others"
        assert _history("muse") == daemon.home / "history" / "muse"


def test_a_list_that_is_empty_says_how_many_are_archived(tmp_path: Path) -> None:
    """It said that nothing was said yet. What has rested is archived at start."""
    with running(tmp_path / "home", P42_HTTP_PORT="0") as first:
        assert "nothing was said yet; p42 possess @AGENT" in p42(first, "list")[2]
        assert "nothing was said yet" in p42(first, "list", "--archived")[2]
        for name in ("one", "two"):
            p42(first, "import", "-", stdin=session(name))
    aged = {"P42_HTTP_PORT": "0", "P42_SESSIONS_ARCHIVE_AFTER": "1h"}
    with running(tmp_path / "home", **aged) as again:
        until(lambda: again.ask("session.list")["items"] == [], "they are archived")
        assert p42(again, "list") == (0, "", "2 are archived: --archived\n")
        whose = WHOLE["agent"]
        told = f"2 of those with @{whose} are archived: --archived\n"
        assert p42(again, "list", "--agent", f"@{whose}")[2] == told
        assert "nothing was said to @else yet" in p42(again, "list", "--agent", "else")[2]
        assert len(json.loads(p42(again, "list", "--archived", "-ojson")[1])["items"]) == 2
