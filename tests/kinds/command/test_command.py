"""A command on a real disk: forged, restored, never over what is not ours, gone without a trace."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from p42.kinds.command import installer
from p42.model.ports import Registration
from p42.model.refs import Ref
from tests.kinds.command.conftest import ADOPT, Declare
from tests.laws.reality import Reality, reality

HELLO = Ref("Command", "hello")


def output(path: Path) -> str:
    return subprocess.run([path], capture_output=True, check=True, timeout=30).stdout.decode()


def hello(there: Reality) -> Path:
    return there.commands / "hello"


async def test_a_command_is_there_and_runs(there: Reality, declare: Declare) -> None:
    _, plan = await there.make(HELLO, declare(source="echo hi"))
    assert plan.status.ready == "True"
    assert output(hello(there)) == "hi\n"
    assert hello(there).stat().st_mode & 0o777 == 0o755


def edit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"echo hi", b"echo ho"))


def overwrite(path: Path) -> None:
    path.write_text("#!/bin/sh\necho tampered\n")


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/bin/echo")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "diary").write_text("dear diary")


@pytest.mark.parametrize(
    "tamper",
    [edit, overwrite, Path.unlink, link, directory, lambda p: p.chmod(0o644), lambda p: p.chmod(0)],
)
async def test_it_is_restored_whatever_was_done_to_it(
    there: Reality, declare: Declare, tamper: Callable[[Path], None]
) -> None:
    want = declare(source="echo hi")
    await there.make(HELLO, want)
    before = hello(there).read_bytes()
    tamper(hello(there))
    _, plan = await there.look(HELLO, want)
    assert plan.steps
    _, plan = await there.make(HELLO, want)
    assert plan.status.ready == "True"
    assert not hello(there).is_symlink()
    assert hello(there).read_bytes() == before
    assert output(hello(there)) == "hi\n"


async def test_a_directory_in_its_place_is_kept(there: Reality, declare: Declare) -> None:
    want = declare(source="echo hi")
    await there.make(HELLO, want)
    directory(hello(there))
    await there.make(HELLO, want)
    assert (there.commands / ".p42" / "hello.aside" / "diary").read_text() == "dear diary"


async def test_a_link_in_its_place_is_replaced_and_not_followed(
    there: Reality, declare: Declare, tmp_path: Path
) -> None:
    want = declare(source="echo hi")
    await there.make(HELLO, want)
    target = tmp_path / "precious"
    target.write_text("precious")
    hello(there).unlink()
    hello(there).symlink_to(target)
    await there.make(HELLO, want)
    assert target.read_text() == "precious"


async def test_what_p42_did_not_make_is_left_alone(there: Reality, declare: Declare) -> None:
    there.commands.mkdir(parents=True)
    hello(there).write_text("by hand")
    _, plan = await there.make(HELLO, declare(source="echo hi"))
    assert (plan.status.reason, plan.steps) == ("Conflict", ())
    await there.make(HELLO, None)
    assert hello(there).read_text() == "by hand"


@pytest.mark.parametrize("form", ["file", "link", "directory"])
async def test_adopted_it_is_replaced_and_the_old_one_is_kept(
    there: Reality, declare: Declare, form: str
) -> None:
    there.commands.mkdir(parents=True)
    match form:
        case "file":
            hello(there).write_text("by hand")
        case "link":
            hello(there).symlink_to("/bin/echo")
        case "directory":
            hello(there).mkdir()
    _, plan = await there.make(HELLO, declare(source="echo hi", annotations=ADOPT))
    assert plan.status.ready == "True"
    assert output(hello(there)) == "hi\n"
    kept = there.commands / ".p42" / "hello.aside"
    assert kept.is_symlink() or kept.is_dir() or kept.read_text() == "by hand"


async def test_a_second_one_set_aside_does_not_cover_the_first(
    there: Reality, declare: Declare
) -> None:
    want = declare(source="echo hi")
    for _ in range(2):
        await there.make(HELLO, want)
        directory(hello(there))
    await there.make(HELLO, want)
    kept = sorted(path.name for path in (there.commands / ".p42").glob("hello.aside*"))
    assert kept == ["hello.aside", "hello.aside1"]


async def test_a_lost_database_is_no_conflict(there: Reality, declare: Declare) -> None:
    want = declare(source="echo hi")
    await there.make(HELLO, want)
    await there.world.registry.drop(HELLO)
    _, plan = await there.make(HELLO, want)
    assert plan.status.ready == "True"
    assert there.world.registry.get(HELLO) == Registration("", {})


async def test_a_program_on_the_path_is_not_hidden_unasked(
    there: Reality, declare: Declare, programs: Path
) -> None:
    program = programs / "hello"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    _, plan = await there.make(HELLO, declare(source="echo hi"))
    assert plan.status.reason == "Conflict"
    assert str(program) in plan.status.text
    assert str(program) not in plan.status.template
    assert not hello(there).exists()
    _, plan = await there.make(HELLO, declare(source="echo hi", annotations=ADOPT))
    assert (plan.status.ready, plan.status.message) == ("True", f"hides {program}")


async def test_a_link_to_our_own_command_hides_nothing(
    there: Reality, declare: Declare, programs: Path
) -> None:
    want = declare(source="echo hi")
    await there.make(HELLO, want)
    (programs / "hello").symlink_to(hello(there))
    _, plan = await there.look(HELLO, want)
    assert plan.status.message == ""


@pytest.mark.parametrize("name", ["cd", "test", "echo", "true", "export"])
async def test_a_word_of_the_shell_is_not_hidden_unasked(
    there: Reality, declare: Declare, name: str
) -> None:
    _, plan = await there.make(Ref("Command", name), declare(name, source="echo hi"))
    assert plan.status.reason == "Conflict"


async def test_gone_only_our_file_goes(there: Reality, declare: Declare) -> None:
    await there.make(HELLO, declare(source="echo hi"))
    (there.commands / "mine").write_text("mine")
    await there.make(HELLO, None)
    assert [path.name for path in there.commands.iterdir() if path.name != ".p42"] == ["mine"]


async def test_what_the_user_put_in_its_place_outlives_the_manifest(
    there: Reality, declare: Declare
) -> None:
    await there.make(HELLO, declare(source="echo hi"))
    hello(there).write_text("my own by now")
    await there.make(HELLO, None)
    assert hello(there).read_text() == "my own by now"
    assert there.world.registry.get(HELLO) is None


async def test_a_missing_interpreter_is_blocked(there: Reality, declare: Declare) -> None:
    want = declare(source="#!/usr/bin/env no-such-shell\n", language="bash")
    _, plan = await there.make(HELLO, want)
    assert plan.status.reason == "Blocked"
    assert "no-such-shell" in plan.status.text


async def test_a_missing_dependency_is_told_until_it_is_there(
    there: Reality, declare: Declare, programs: Path
) -> None:
    want = declare(source="echo hi", dependencies=["cowsay-of-tomorrow"])
    _, plan = await there.make(HELLO, want)
    assert plan.status.ready == "True"
    assert plan.status.live["missing"] == ["cowsay-of-tomorrow"]
    (programs / "cowsay-of-tomorrow").write_text("#!/bin/sh\n")
    (programs / "cowsay-of-tomorrow").chmod(0o755)
    _, plan = await there.look(HELLO, want)
    assert (plan.steps, plan.status.live["missing"], plan.status.message) == ((), [], "")


async def test_the_installer_is_kept_as_it_is(there: Reality, declare: Declare) -> None:
    want = declare(source="echo hi", dependencies=["sed"])
    await there.make(HELLO, want)
    script = there.world.home / installer.NAME
    for tamper in (Path.unlink, lambda p: p.chmod(0o600), lambda p: p.write_bytes(installer.MARK)):
        tamper(script)
        await there.make(HELLO, want)
        assert script.read_text() == installer.SCRIPT
        assert script.stat().st_mode & 0o777 == 0o755


async def test_somebody_elses_installer_is_left_alone(there: Reality, declare: Declare) -> None:
    script = there.world.home / installer.NAME
    script.write_text("#!/bin/bash\n# Port 42 dependency installer\n")
    _, plan = await there.make(HELLO, declare(source="echo hi", dependencies=["sed"]))
    assert plan.status.ready == "True"
    assert "Port 42" in script.read_text()


async def test_a_command_without_dependencies_needs_no_installer(
    there: Reality, declare: Declare
) -> None:
    await there.make(HELLO, declare(source="echo hi"))
    assert not (there.world.home / installer.NAME).exists()


async def test_two_homes_forge_equal_bytes(
    there: Reality, declare: Declare, tmp_path: Path
) -> None:
    want = declare(source="echo hi", dependencies=["sed"], description="Greet.")
    await there.make(HELLO, want)
    async with reality(there.kind, tmp_path / "another" / "home") as other:
        await other.make(HELLO, want)
        assert hello(other).read_bytes() == hello(there).read_bytes()


async def test_who_tampers_is_noticed(there: Reality, declare: Declare) -> None:
    await there.make(HELLO, declare(source="echo hi"))
    woken: asyncio.Queue[Ref | None] = asyncio.Queue()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        watching = group.create_task(there.driver.watch(woken.put_nowait))
        while woken.empty():  # until the watch is set up, changes are not seen
            hello(there).touch()
            await asyncio.sleep(0.01)
        assert await woken.get() == HELLO
        watching.cancel()
