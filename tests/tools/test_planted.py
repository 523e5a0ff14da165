"""Where a grant leads is not for a program to say that may write on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from p42.model.errors import Blocked
from p42.model.grants import Grants
from p42.runtimes.sandbox import landlock
from p42.runtimes.sandbox.sandbox import Sandbox
from p42.runtimes.sandbox.settled import settled
from p42.scripts import ways
from tests.tools.served import served
from tests.tools.shop import Shop, needs_sandbox, sandbox

pytestmark = needs_sandbox


def places(tmp_path: Path) -> tuple[Path, Path, Shop]:
    """A directory that some program may write, one that none may, and a shop."""
    home, work, victim = tmp_path / "home", tmp_path / "work", tmp_path / "victim"
    for each in (home, work, victim):
        each.mkdir()
    (victim / "key").write_text("SECRET")
    return work, victim, Shop(home)


async def test_a_command_writes_nothing_by_a_link_that_another_program_laid(
    tmp_path: Path,
) -> None:
    """The story: an agent laid `inbox` to p42's commands, and a tool call put a program there."""
    work, victim, shop = places(tmp_path)
    shop.command("any", "true", write=[str(work)])
    shop.command("put", f"echo x > {work}/inbox/gitx; cat {work}/inbox/key",
                 write=[f"{work}/inbox"])  # fmt: skip
    shop.command("get", f"cat {work}/inbox/key", read=[f"{work}/inbox"])
    (work / "inbox").mkdir()
    assert (await shop.run("command_put")).result.startswith("exit code")
    assert "exit code 0" in (await shop.run("command_any")).result
    for target in (shop.home / "commands", victim):
        (work / "inbox" / "gitx").unlink(missing_ok=True)
        (work / "inbox").rmdir() if (work / "inbox").is_dir() else None
        (work / "inbox").symlink_to(target)
        for name in ("put", "get"):
            said = (await shop.run(f"command_{name}")).result
            assert said.startswith(f"failed: command/{name}: {work}/inbox leads over the link")
            assert "remove the link" in said
            assert str(target) in said
            assert "SECRET" not in said
        assert not (target / "gitx").exists()
        (work / "inbox").unlink()


async def test_a_link_that_stays_within_what_its_layer_writes_is_followed(tmp_path: Path) -> None:
    work, _, shop = places(tmp_path)
    (work / "versions" / "1").mkdir(parents=True)
    (work / "versions" / "1" / "a").write_text("apple")
    (work / "now").symlink_to("versions/1")
    shop.command("any", "true", write=[str(work)])
    await shop.run("command_any")
    shop.command("get", f"cat {work}/now/a", read=[f"{work}/now"])
    assert "apple" in (await shop.run("command_get")).result


async def test_a_persons_own_link_is_followed(tmp_path: Path) -> None:
    _, victim, shop = places(tmp_path)
    (tmp_path / "notes").symlink_to(victim)
    shop.command("put", f"cat {tmp_path}/notes/key; echo x > {tmp_path}/notes/new",
                 write=[f"{tmp_path}/notes"])  # fmt: skip
    assert "SECRET" in (await shop.run("command_put")).result
    assert (victim / "new").exists()


@pytest.mark.parametrize("word", ["read", "write"])
@pytest.mark.parametrize("below", ["", "manifests", "run", "run/tools", "agents/muse"])
async def test_p42s_own_is_no_commands(tmp_path: Path, word: str, below: str) -> None:
    _, _, shop = places(tmp_path)
    (shop.home / below).mkdir(parents=True, exist_ok=True)
    shop.command("put", "true", **{word: [str(shop.home / below)]})
    assert "is p42's own" in (await shop.run("command_put")).result
    shop.command("around", "true", **{word: [str(tmp_path)]})
    assert "p42's home is in" in (await shop.run("command_around")).result


async def test_a_server_is_given_no_directory_by_a_link_that_one_could_lay(tmp_path: Path) -> None:
    work, victim, shop = places(tmp_path)
    (work / "inbox").mkdir()
    async with served(shop.home) as there:
        there.declare(str(work), str(work / "inbox"))
        wrote = await there.run("write", {"text": f"{work}/inbox/a"})
        assert wrote.result.endswith("integrations/files")
        (work / "inbox" / "a").unlink()
        (work / "inbox").rmdir()
        for name, target in (("one", victim), ("two", shop.home / "integrations")):
            (work / "inbox").symlink_to(target)
            there.declare(str(work), str(work / "inbox"), name=name)
            there.agent["tools"] = [name]
            (told,) = await there.tools.ready("muse", there.agent)
            assert f"leads over the link {work}/inbox to {target}" in told
            (work / "inbox").unlink()


async def test_a_server_is_not_granted_what_its_own_link_leads_to(tmp_path: Path) -> None:
    """The story: `args: [serve]`, `ln -s ../../sessions.db serve`, and it is started anew."""
    _, _, shop = places(tmp_path)
    (shop.home / "sessions.db").write_text("SECRET")
    async with served(shop.home) as there:
        there.declare("serve")
        own = Path((await there.run("write", {"text": "x"})).result)
        (own / "serve").symlink_to("../../sessions.db")
        await there.run("die")
        await there.run("write", {"text": "serve"})  # if it could, in a sandbox that goes
        assert (shop.home / "sessions.db").read_text() == "SECRET"
        grants = there.servers._places.settle("files", there.servers._kept["files"].wish).walls
        assert grants is not None
        reached = [each.resolve() for each in (*grants.read, *grants.write)]
        assert shop.home / "sessions.db" not in reached


def forms() -> list[Sandbox]:
    found = sandbox()
    assert found is not None
    own = Sandbox("landlock", sys.executable, found.system)
    return [each for each in (found, own if landlock.works() else None) if each is not None]


@pytest.mark.parametrize("number", [0, 1])
def test_a_link_that_is_laid_after_the_look_runs_nothing(tmp_path: Path, number: int) -> None:
    """A program that runs meanwhile may lay it at any moment until the mount."""
    if number >= len(forms()):
        pytest.skip("this machine has but one sandbox")
    found = forms()[number]
    work, victim, shop = places(tmp_path)
    for word in ("read", "write"):
        (work / "inbox").mkdir()
        meant = (work / "inbox",)
        taken = settled(Grants(read=meant) if word == "read" else Grants(write=meant), shop.home)
        argv = found.wrap(["cat", f"{work}/inbox/key"], taken)
        assert subprocess.run(argv, check=False, capture_output=True).returncode == 1
        (work / "inbox").rename(work / "before")
        (work / "inbox").symlink_to(victim)
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (126, "")
        assert "not what was granted" in done.stderr or "symbolic links" in done.stderr
        with pytest.raises(Blocked, match="leads by a link to"):
            found.wrap(["true"], taken)
        (work / "inbox").unlink()
        (work / "before").rmdir()


@pytest.mark.parametrize("number", [0, 1])
def test_an_interpreters_tree_is_no_way_to_anything_else(tmp_path: Path, number: int) -> None:
    """One that stands where a program may write, as a project's virtual environment does."""
    if number >= len(forms()):
        pytest.skip("this machine has but one sandbox")
    work, victim, shop = places(tmp_path)
    venv = work / ".venv"
    venv.mkdir()
    (venv / "pyvenv.cfg").write_text("one\n")
    found = replace(forms()[number], system=(*forms()[number].system, str(venv)))

    def cat(script: str, **granted: Path) -> str:
        write = tuple(granted.values())
        argv = found.wrap(["sh", "-c", script], settled(Grants(write=write), shop.home))
        return subprocess.run(argv, check=False, capture_output=True, text=True).stdout

    assert cat(f"cat {venv}/pyvenv.cfg; echo two > {venv}/pyvenv.cfg") == "one\n"
    assert (venv / "pyvenv.cfg").read_text() == "one\n"
    assert cat(f"echo two > {venv}/pyvenv.cfg; cat {venv}/pyvenv.cfg", write=work) == "two\n"
    venv.rename(work / "before")
    venv.symlink_to(victim)
    assert cat(f"cat {venv}/key {victim}/key") == ""


def test_what_may_be_written_is_noted_once_and_for_good(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    odd = str(tmp_path / "a\nb") + os.fsdecode(b"\xff")
    for _ in range(3):
        ways.note(home, ["/x", odd, f"{home}/run/tools/room"])
    assert ways.noted(home) == [f"{home}/run", "/x", odd]
    assert (tmp_path / "home" / ways.NAME).stat().st_mode & 0o777 == 0o600
