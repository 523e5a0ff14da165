"""What a program that is an agent may see, write and know: its own, and what was declared."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from p42.model.errors import Blocked
from p42.model.ports import Registration
from p42.model.refs import Ref
from p42.runtimes.sandbox import landlock
from p42.runtimes.sandbox.sandbox import Sandbox
from tests.process.room import CLAUDE, Room, facts, room

FOUND = Sandbox.find(os.environ["PATH"])
FORMS = ["bwrap", "landlock"]


def walled(there: Room, form: str) -> None:
    """The sandbox that is used from now on. Skips where this machine has none such."""
    if FOUND is None or (form == "bwrap" and FOUND.form != form):
        pytest.skip(f"{form} does not work on this machine")
    if form == "landlock" and not landlock.works():
        pytest.skip("this kernel has no Landlock")
    places = there.talk._ground.places
    places._sandbox, places._sought = (
        (FOUND if form == "bwrap" else Sandbox("landlock", sys.executable, FOUND.system)),
        True,
    )


async def test_its_environment_is_chosen_and_holds_no_key(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        env = json.loads(await there.text("env"))
        assert "sk-the-real-one" not in env.values()
        assert env["ANTHROPIC_BASE_URL"] == f"http://127.0.0.1:{there.door.port}"
        assert env["ANTHROPIC_API_KEY"] == env["ANTHROPIC_AUTH_TOKEN"]
        assert env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] == "1"
        assert env["HOME"] == str(tmp_path / "agents" / "claude")
        assert "IS_SANDBOX" not in env
        allowed = {"PATH", "HOME", "LANG", "TERM", "TZ", "TMPDIR", "USER", "PWD", "LC_CTYPE"}
        prefixes = ("P42_", "ANTHROPIC_", "CLAUDE_CODE_", "LC_")
        rest = {name for name in env if name not in allowed and not name.startswith(prefixes)}
        assert rest == {"DISABLE_AUTOUPDATER", "ENABLE_TOOL_SEARCH"}


async def test_declared_variables_are_there_and_cannot_lead_past_the_meter(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        env = {"MOOD": "good", "ANTHROPIC_BASE_URL": "https://elsewhere.example"}
        await there.declare("claude", facts(CLAUDE, env=env))
        told = json.loads(await there.text("env MOOD ANTHROPIC_BASE_URL"))
        assert told["MOOD"] == "good"
        assert told["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("form", FORMS)
async def test_it_writes_its_own_directory_and_not_p42s_home(tmp_path: Path, form: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with room(home) as there:
        walled(there, form)
        assert await there.text("write note.txt") == "written"
        assert (home / "agents" / "claude" / "note.txt").read_text() == "x"
        (home / "keys.age").write_text("sealed")
        assert (await there.text(f"read {home}/keys.age")).startswith("refused")
        for path in (home / "config.toml", home / "manifests.yaml", tmp_path / "elsewhere"):
            await there.text(f"write {path}")  # inside, it may well be a file of its own
            assert not path.exists()


@pytest.mark.parametrize("form", FORMS)
async def test_of_a_declared_directory_it_changes_all_but_what_p42_follows(
    tmp_path: Path, form: str
) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    (project / "manifests").mkdir(parents=True)
    (project / "manifests" / "a.yaml").write_text("kind: Command\n")
    async with room(home) as there:
        walled(there, form)
        await there.declare("claude", facts(CLAUDE, cwd=str(project)))
        assert await there.text("write code.py") == "written"
        there.followed.append(str(project / "manifests"))
        assert await there.text("read manifests/a.yaml") == "kind: Command\n"
        assert (await there.text("write manifests/a.yaml")).startswith("refused")
        if form == "bwrap":  # Landlock adds rights beneath others, and takes none away
            assert await there.text("write more.py") == "written"
        there.followed[:] = [str(tmp_path)]
        assert (await there.text("write third.py")).startswith("refused")


async def test_no_directory_above_what_p42_follows_can_be_put_aside(tmp_path: Path) -> None:
    home, project = tmp_path / "project" / "state" / "home", tmp_path / "project"
    home.mkdir(parents=True)
    (project / "deploy" / "prod" / "manifests").mkdir(parents=True)
    async with room(home) as there:
        walled(there, "bwrap")
        await there.declare("claude", facts(CLAUDE, cwd=str(project)))
        there.followed.append(str(project / "deploy" / "prod" / "manifests"))
        for name in ("deploy", "deploy/prod", "deploy/prod/manifests", "state", "state/home"):
            assert (await there.text(f"rename {name} away")).startswith("refused"), name
        assert await there.text("write deploy/prod/beside.txt") == "written"
        assert (await there.text("write deploy/prod/manifests/a.yaml")).startswith("refused")


async def test_a_home_inside_what_p42_follows_opens_nothing_of_that(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "project" / "deploy" / ".state" / "home"
    home.mkdir(parents=True)
    async with room(home) as there:
        walled(there, "bwrap")
        await there.declare("claude", facts(CLAUDE, cwd=str(project)))
        there.followed.append(str(project / "deploy"))
        for name in ("deploy/a.yaml", "deploy/.state/a.yaml"):
            assert (await there.text(f"write {name}")).startswith("refused"), name
        assert await there.text("write beside.txt") == "written"


@pytest.mark.parametrize("form", FORMS)
async def test_a_directory_that_holds_p42s_home_does_not_open_it(tmp_path: Path, form: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "keys.age").write_text("sealed")
    async with room(home) as there:
        walled(there, form)
        await there.declare("claude", facts(CLAUDE, cwd=str(tmp_path)))
        if form == "landlock":
            with pytest.raises(Blocked, match="Landlock cannot hide it"):
                await there.say("say hi")
            return
        assert (await there.text("read home/keys.age")).startswith("refused")
        assert await there.text("write code.py") == "written"


@pytest.mark.parametrize(
    ("process", "says"),
    [
        ({"command": "no-such-program"}, "no-such-program: no such program; install it"),
        ({"command": "codex"}, "npm install -g @openai/codex"),
        ({"cwd": "/no/such/place"}, "/no/such/place is no directory; make it"),
        ({"cwd": "relative"}, "must be absolute"),
        ({"cwd": "HOME/manifests"}, "is p42's own"),
    ],
)
async def test_what_is_not_there_is_named_with_its_remedy(
    tmp_path: Path, process: dict[str, Any], says: str
) -> None:
    (tmp_path / "manifests").mkdir()
    process = {name: value.replace("HOME", str(tmp_path)) for name, value in process.items()}
    async with room(tmp_path) as there:
        await there.declare("claude", facts(CLAUDE, **process))
        with pytest.raises(Blocked, match=says):
            await there.say("say hi")


async def test_a_program_is_found_on_the_users_path_and_beside_its_own_files(
    tmp_path: Path,
) -> None:
    tools = tmp_path / "tools" / "node_modules" / ".bin"
    tools.mkdir(parents=True)
    (tools / "mine").write_text('#!/bin/sh\nread x; cat "$(dirname "$0")/../text"\n')
    (tools / "mine").chmod(0o755)
    (tools.parent / "text").write_text("from beside\n")
    home = tmp_path / "home"
    home.mkdir()
    async with room(home, path=f"{tools}:") as there:
        await there.declare("lines", facts("lines", command="mine", args=[]))
        assert await there.text("hi", agent="lines") == "from beside"


async def test_mcp_servers_are_given_in_a_private_file_that_goes_with_the_run(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        servers = {
            "files": {"type": "mcp", "config": {
                "command": "sh", "args": ["-c", "true"], "env": {"KEY": "env:SERVER_KEY"}}},
            "web": {"type": "mcp", "config": {
                "url": "https://mcp.example/", "headers": {"x-a": "b"}}},
            "board": {"type": "tasks"},
        }  # fmt: skip
        for name, integration in servers.items():
            row = Registration("0" * 16, integration)
            await there.there.registry.put(Ref("Integration", name), row)
        await there.declare("claude", {**facts(CLAUDE), "tools": list(servers)})
        mode, body = json.loads(await there.text("mcp"))
        assert mode == "0o600"
        assert body["mcpServers"] == {
            "files": {"type": "stdio", "command": "sh", "args": ["-c", "true"],
                      "env": {"KEY": "the-servers-own"}},
            "web": {"type": "http", "url": "https://mcp.example/", "headers": {"x-a": "b"}},
        }  # fmt: skip
        assert list((tmp_path / "agents" / "claude").glob("run-*")) == []
        await there.declare("claude", {**facts(CLAUDE), "tools": ["gone"]})
        with pytest.raises(Blocked, match="integration/gone is not registered"):
            await there.say("mcp")


async def test_a_key_of_a_server_that_leads_to_nothing_is_no_empty_one(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        config = {"command": "sh", "env": {"KEY": "env:NO_SUCH_VARIABLE"}}
        row = Registration("0" * 16, {"type": "mcp", "config": config})
        await there.there.registry.put(Ref("Integration", "files"), row)
        await there.declare("claude", {**facts(CLAUDE), "tools": ["files"]})
        with pytest.raises(Blocked, match="NO_SUCH_VARIABLE"):
            await there.say("mcp")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused that flag by the CLI")
async def test_root_in_a_sandbox_is_told_to_the_cli_when_it_skips_permissions(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        walled(there, "bwrap")
        args = [*facts(CLAUDE)["process"]["args"], "--dangerously-skip-permissions"]
        await there.declare("claude", facts(CLAUDE, args=args))
        assert json.loads(await there.text("env IS_SANDBOX")) == {"IS_SANDBOX": "1"}


async def test_what_a_crash_left_is_swept_at_the_next_start(tmp_path: Path) -> None:
    left = tmp_path / "agents" / "claude" / "run-0123"
    left.mkdir(parents=True)
    (left / "mcp.json").write_text("{}")
    async with room(tmp_path) as there:
        assert not left.exists()
        token = await there.door.tokens.mint("agent/claude", name="run:agent/claude x")
    async with room(tmp_path) as there:
        assert there.door.tokens.find(token) is None
    shutil.rmtree(tmp_path / "agents")
