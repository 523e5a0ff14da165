"""Declared commands, called by an agent: in a real sandbox, with what was granted and no more."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from p42.ai.tools.arguments import fault
from p42.ai.tools.command import SCHEMA
from p42.ai.tools.text import MOST
from tests.tools.shop import Shop, needs_sandbox, rules

pytestmark = needs_sandbox


async def test_a_command_gets_its_arguments_and_input_and_no_shell(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.command("hello", 'printf "%s|" "$@"; cat; echo oh >&2; exit 3')
    used = await shop.run("command_hello", {"args": ["a b", "$(id)"], "stdin": "in"})
    assert used.result == "exit code 3\nstdout:\na b|$(id)|in\nstderr:\noh\n"
    assert not used.refused
    assert shop.notes.said == [("Agent/muse", "ToolUsed", "command/hello", False)]


async def test_it_is_not_run_before_a_person_agreed_or_a_rule_allows_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.command("hello", "echo hi")
    assert (await shop.run("command_hello", agreed=False)).refused
    allowed = rules(allow=["command/hello"])
    assert "hi" in (await shop.run("command_hello", agent=allowed, agreed=False)).result


async def test_it_reaches_its_own_empty_directory_and_nothing_of_the_users(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "home")
    secret = tmp_path / "secret"
    secret.write_text("treasure")
    (tmp_path / "home" / "state.db").parent.mkdir(exist_ok=True)
    (tmp_path / "home" / "state.db").write_text("rows")
    shop.command("look", f"ls -A; pwd; cat {secret} {shop.home}/state.db; echo x > kept; "
                 f'echo x > {secret}; echo "$HOME"; ls -A')  # fmt: skip
    said = (await shop.run("command_look")).result
    room, home = said.splitlines()[2], said.splitlines()[3]
    assert room == home
    assert room.startswith(str(shop.home / "run" / "tools"))
    assert said.splitlines()[4] == "kept"
    assert "treasure" not in said
    assert "rows" not in said
    assert secret.read_text() == "treasure"
    assert not Path(room).exists()


async def test_what_its_manifest_grants_it_may_read_and_write(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "home")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("apple")
    (tmp_path / "out").mkdir()
    source = f"cat {tmp_path}/in/a | tee {tmp_path}/out/b; echo no > {tmp_path}/in/c"
    shop.command("copy", source, read=[str(tmp_path / "in")], write=[str(tmp_path / "out")])
    said = (await shop.run("command_copy")).result
    assert "apple" in said
    assert (tmp_path / "out" / "b").read_text() == "apple"
    assert not (tmp_path / "in" / "c").exists()


@pytest.mark.parametrize("path", ["notes", "../x", "/tmp/../etc"])
async def test_a_granted_path_that_could_mean_anything_is_refused(
    tmp_path: Path, path: str
) -> None:
    shop = Shop(tmp_path)
    shop.command("copy", "true", read=[path])
    said = (await shop.run("command_copy")).result
    assert said.startswith("failed: command/copy: sandbox names")
    assert "write a path from /" in said


async def test_it_has_no_network_unless_granted(tmp_path: Path) -> None:
    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        shop = Shop(tmp_path)
        source = f"(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo out || echo in"
        shop.command("call", source)
        shop.command("dial", source, network=True)
        assert "stdout:\nin" in (await shop.run("command_call")).result
        assert "stdout:\nout" in (await shop.run("command_dial")).result


async def test_it_is_ended_when_its_time_is_over(tmp_path: Path) -> None:
    shop = Shop(tmp_path, seconds=0.5)
    shop.command("slow", "echo begun; sleep 60")
    said = (await shop.run("command_slow")).result
    assert said == "ended by p42: not done within 0.5 s\nstdout:\nbegun\n"
    assert list((tmp_path / "run" / "tools").iterdir()) == []


async def test_endless_output_is_cut(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.command("yes", "head -c 300000 /dev/zero | tr '\\0' y; head -c 300000 /dev/zero >&2")
    said = (await shop.run("command_yes")).result
    assert len(said.encode()) <= MOST
    assert said.startswith("exit code 0\nstdout:\nyyy")
    assert said.count("(cut: this was 300000 bytes") == 2


async def test_a_secret_is_taken_out_before_anything_is_cut(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for shift in (0, 3):
        filler = "sk-secret" * 10_000
        shop.command(f"leak{shift}", f"printf %s {'x' * shift}{filler}")
        said = (await shop.run(f"command_leak{shift}")).result
        assert "sk" not in said.replace("ask for less", "")


async def test_what_is_not_ready_is_not_run(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.command("new", "touch ran", problem="NeedsApproval: a person has to agree to it")
    said = (await shop.run("command_new")).result
    assert said == (
        "failed: command/new cannot be run now: NeedsApproval: a person has to agree to it"
    )


async def test_no_key_and_no_home_is_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-123")
    shop = Shop(tmp_path)
    shop.command("env", "env")
    said = (await shop.run("command_env")).result
    assert "sk-ant" not in said
    assert f"HOME={os.environ['HOME']}\n" not in said


async def test_without_a_sandbox_it_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p42.runtimes.sandbox.landlock.works", lambda: False)  # an older kernel
    shop = Shop(tmp_path, path="/nowhere")
    shop.command("hello", "touch ran")
    said = (await shop.run("command_hello")).result
    assert said.startswith("failed: it may only run in a sandbox, and this machine has none")
    assert "install bubblewrap" in said


@pytest.mark.parametrize(
    ("arguments", "where"),
    [({"args": "ls"}, "args"), ({"args": [1]}, "args.0"), ({"args": ["x"] * 101}, "args"),
     ({"stdin": 1}, "stdin"), ({"cwd": "/"}, "cwd"), ({"args": [["a"]]}, "args.0")],
)  # fmt: skip
def test_arguments_are_texts_and_nothing_else(arguments: dict[str, object], where: str) -> None:
    assert where in fault(arguments, SCHEMA)
    assert fault({"args": ["-x", ""], "stdin": "y"}, SCHEMA) == fault({}, SCHEMA) == ""
