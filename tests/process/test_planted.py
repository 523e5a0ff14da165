"""What a program in a sandbox leaves in its directories gives nobody more than they were given."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from p42.model.errors import Blocked
from tests.process.room import CLAUDE, PROGRAMS, Room, facts, room
from tests.process.test_walls import FORMS, walled

pytestmark = pytest.mark.parametrize("form", FORMS)
PROGRAM = str(PROGRAMS / "claude.py")


@asynccontextmanager
async def begun(tmp_path: Path, form: str) -> AsyncIterator[Room]:
    """A room whose home is `tmp_path / "home"`, beside a person's work and secrets."""
    for name in ("home", "work", "victim"):
        (tmp_path / name).mkdir()
    (tmp_path / "victim" / "key").write_text("SECRET")
    async with room(tmp_path / "home") as there:
        walled(there, form)
        (there.home / "state.db").write_text("SECRET")
        yield there


@pytest.mark.parametrize("target", ["../../state.db", "KEY"])
async def test_a_link_named_like_an_argument_opens_nothing(
    tmp_path: Path, form: str, target: str
) -> None:
    """The story: `args: [chat]`, `ln -s ../../state.db chat`, and the next run was granted it."""
    async with begun(tmp_path, form) as there:
        target = target.replace("KEY", f"{tmp_path}/victim/key")
        for cwd in (None, str(tmp_path / "work")):
            await there.declare("claude", facts(CLAUDE, args=[PROGRAM, "chat"], cwd=cwd))
            assert await there.text(f"shell ln -s {target} chat") == "done"
            assert (await there.text("read chat")).startswith("refused"), cwd


async def test_nor_does_one_on_the_way_to_its_program(tmp_path: Path, form: str) -> None:
    async with begun(tmp_path, form) as there:
        work = tmp_path / "work"
        (work / "bin").mkdir()
        (work / "pyvenv.cfg").touch()
        (work / "bin" / "python").symlink_to(tmp_path / "victim" / "bin" / "python")
        (work / "bin" / "run").symlink_to(sys.executable)
        (tmp_path / "victim" / "bin").mkdir()
        (tmp_path / "victim" / "bin" / "python").symlink_to(sys.executable)
        await there.declare("claude", facts(CLAUDE, cwd=str(work)))
        assert (await there.text(f"read {tmp_path}/victim/key")).startswith("refused")
        (tmp_path / "victim" / "tool").write_text("#!/bin/sh\n")
        (tmp_path / "victim" / "tool").chmod(0o755)
        (work / "tool").symlink_to(tmp_path / "victim" / "tool")
        await there.declare("claude", facts(CLAUDE, command="./tool", cwd=str(work)))
        with pytest.raises(Blocked, match=f"over the link {work}/tool to {tmp_path}/victim/tool"):
            await there.say("say hi")


async def test_an_interpreter_of_a_projects_own_environment_is_reached(
    tmp_path: Path, form: str
) -> None:
    """As uv and `python -m venv` make them: a link out of the project to an interpreter's tree."""
    async with begun(tmp_path, form) as there:
        place = tmp_path / "work" / ".venv" / "bin"
        place.mkdir(parents=True)
        (place.parent / "pyvenv.cfg").write_text(f"home = {sys.base_prefix}/bin\n")
        (place / "python").symlink_to(os.path.realpath(sys.executable))
        for command in (f"{place}/python", ".venv/bin/python"):
            work = str(tmp_path / "work")
            await there.declare("claude", facts(CLAUDE, command=command, cwd=work))
            assert await there.text("say hi") == "hi"
        await there.declare("claude", facts(CLAUDE, command=f"{place}/python"))
        assert await there.text("say hi") == "hi"  # somebody else's, who does not work there


async def test_a_link_to_nowhere_named_like_an_argument_stops_nobody(
    tmp_path: Path, form: str
) -> None:
    async with begun(tmp_path, form) as there:
        await there.declare("claude", facts(CLAUDE, args=[PROGRAM, "chat"]))
        assert await there.text("shell ln -s /nowhere/at/all chat") == "done"
        assert await there.text("say hi") == "hi"
        assert await there.text("shell rm chat; ln -s chat chat") == "done"
        assert await there.text("say hi") == "hi"


@pytest.mark.parametrize(
    "mischief",
    [
        "rm -rf tmp; touch tmp",
        "rm -rf tmp; ln -s /nowhere tmp",
        "rm -rf tmp; ln -s / tmp",
        "rm -rf tmp; mkfifo tmp",
        "rm -rf tmp; chmod 0 .",
    ],
)
async def test_a_program_that_spoils_its_own_directory_runs_again(
    tmp_path: Path, form: str, mischief: str
) -> None:
    """The story: `File exists; it is tried again by itself`, for ever."""
    async with begun(tmp_path, form) as there:
        await there.text(f"shell {mischief}")
        assert await there.text("say hi") == "hi"
        own = there.home / "agents" / "claude"
        assert (own / "tmp").is_dir()
        assert not (own / "tmp").is_symlink()
        assert own.stat().st_mode & 0o777 == 0o700


async def test_a_cwd_is_not_looked_for_over_another_programs_link(
    tmp_path: Path, form: str
) -> None:
    async with begun(tmp_path, form) as there:
        work, victim = tmp_path / "work", tmp_path / "victim"
        await there.declare("claude", facts(CLAUDE, cwd=str(work)))
        await there.text(f"shell ln -s {victim} inbox; mkdir real; ln -s real near")
        await there.declare("claude", facts(CLAUDE, cwd=str(work / "inbox")))
        with pytest.raises(Blocked, match=f"over the link {work}/inbox to {victim}: .* remove"):
            await there.say("say hi")
        await there.declare("claude", facts(CLAUDE, cwd=str(work / "near")))
        assert await there.text("write x") == "written"  # all that is its own anyway
        await there.declare("claude", facts(CLAUDE, cwd=str(victim)))
        assert await there.text("write x") == "written"


async def test_a_persons_own_links_lead_where_they_did(tmp_path: Path, form: str) -> None:
    """A home on another disk, a project behind a link, a program in ~/.local/bin."""
    async with begun(tmp_path, form) as there:
        real, named = tmp_path / "disk" / "tool", tmp_path / "bin" / "tool"
        for each in (real, named):
            each.parent.mkdir()
        real.write_text(f"#!/bin/sh\nread x; cat {tmp_path}/disk/beside; ls")
        real.chmod(0o755)
        (tmp_path / "disk" / "beside").write_text("beside\n")
        named.symlink_to(real)
        (tmp_path / "mine").symlink_to(tmp_path / "work")
        (tmp_path / "work" / "here").touch()
        process = {"command": str(named), "args": [], "cwd": str(tmp_path / "mine")}
        await there.declare("lines", facts("lines", **process))
        assert (await there.text("hi", agent="lines")).splitlines() == ["beside", "here"]


async def test_p42s_own_files_are_not_a_programs_arguments(tmp_path: Path, form: str) -> None:
    async with begun(tmp_path, form) as there:
        (there.home / "commands").mkdir()
        (there.home / "commands" / "one").write_text("SOURCE")
        state, command = there.home / "state.db", there.home / "commands" / "one"
        await there.declare("claude", facts(CLAUDE, args=[PROGRAM, str(command)]))
        assert await there.text(f"read {command}") == "SOURCE"
        await there.declare("claude", facts(CLAUDE, args=[PROGRAM, str(state)]))
        with pytest.raises(Blocked, match=r"state\.db is p42's own"):
            await there.say("say hi")
