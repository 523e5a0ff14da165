"""A command in a reply becomes a manifest, marked before it is there, and no more than that."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from p42.model.approval import digest_of
from p42.model.completion import ToolCall
from p42.model.refs import Ref
from p42.model.resource import Place, Resource
from tests.forge.smithy import SMITH, fenced, smithy

RAINBOW: dict[str, Any] = {
    "name": "rainbow-logs",
    "description": "Logs in colours",
    "implementation": '#!/bin/bash\nlolcat "$1"\n\n  # 🐬 said: \\n stays\n',
    "language": "bash",
    "dependencies": ["lolcat", "tree"],
}


async def test_a_spec_in_a_reply_becomes_a_manifest_of_the_home(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        made = await there.one(**RAINBOW)
        assert made.problem == ""
        assert made.spec == RAINBOW
        assert made.file == str(there.sheet("rainbow-logs"))
        resource = there.read("rainbow-logs")
        assert resource.spec == {
            "description": "Logs in colours", "language": "bash",
            "dependencies": ["lolcat", "tree"], "source": RAINBOW["implementation"],
        }  # fmt: skip
        assert resource.annotations == {
            "p42.dev/forged-by": "agent/muse", "p42.dev/forged-in": "s-1",
            "p42.dev/forged-model": "m-1",
        }  # fmt: skip


async def test_it_is_marked_and_nothing_is_executable(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        await there.one(**RAINBOW)
        ref = Ref("Command", "rainbow-logs")
        assert there.approvals.machine_made(ref)
        assert not there.approvals.approved(ref, digest_of(RAINBOW["implementation"].encode()))
        assert there.written == ["manifests/commands/.p42/.gitignore",
                                 "manifests/commands/rainbow-logs.yaml"]  # fmt: skip
        mode = stat.S_IMODE(there.sheet("rainbow-logs").stat().st_mode)
        assert mode == 0o600


async def test_the_diff_is_the_whole_new_manifest(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        made = await there.one(name="hello", implementation="echo hi")
        text = there.sheet("hello").read_text()
        added = [line[1:] for line in made.diff.splitlines()[3:]]
        assert made.diff.startswith("--- /dev/null\n+++ b/manifests/commands/hello.yaml\n")
        assert "\n".join(added) + "\n" == text


async def test_a_second_version_is_a_diff_and_the_first_is_kept(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        await there.one(name="hello", implementation="echo hi")
        old = there.sheet("hello").read_bytes()
        there.sheet("hello").write_bytes(old + b"status:\n  observedSpec: 0123456789ab\n")
        made = await there.one(name="hello", implementation="echo ho", description="Says ho.")
        assert "-    echo hi\n" in made.diff
        assert "+    echo ho\n" in made.diff
        assert "observedSpec" not in made.diff
        assert (there.sheet("hello").parent / ".p42" / "hello.yaml.previous").read_bytes() == (
            old + b"status:\n  observedSpec: 0123456789ab\n"
        )


async def test_what_a_person_added_stays_in_the_next_version(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        await there.one(name="hello", implementation="echo hi")
        text = there.sheet("hello").read_text()
        mine = "  approve: auto\n  sandbox: {network: false}\n  tests: [{expect: {stdout: ho}}]\n"
        text = text.replace("  source:", mine + "  source:")
        text = text.replace(
            "  annotations:\n", "  labels: {team: a}\n  annotations:\n    mine: yes\n"
        )
        there.sheet("hello").write_text(text)
        made = await there.one(name="hello", implementation="echo ho")
        assert made.problem == ""
        resource = there.read("hello")
        assert resource.spec["approve"] == "auto"
        assert resource.spec["sandbox"] == {"network": False}
        assert resource.spec["tests"] == [{"expect": {"stdout": "ho"}}]
        assert resource.labels == {"team": "a"}
        assert resource.annotations["mine"] == "yes"


async def test_the_same_again_writes_nothing(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        await there.one(**RAINBOW)
        before = there.sheet("rainbow-logs").stat()
        made = await there.one(**RAINBOW)
        assert (made.problem, made.diff, made.file != "") == ("", "", True)
        assert there.sheet("rainbow-logs").stat() == before


async def test_only_an_agent_that_may_forge_is_heard(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        for agent in ({}, {"forge": False}):
            assert await there.hear(fenced(**RAINBOW), agent=agent) == ()
        assert await there.hear("no command today", agent=SMITH) == ()
        assert there.written == []


async def test_a_call_of_the_tool_counts_before_the_text(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        call = ToolCall("c1", "forge_command", {"name": "called", "implementation": "echo 1"})
        other = ToolCall("c2", "something_else", {"name": "no", "implementation": "echo 2"})
        made = await there.hear(fenced(name="said", implementation="echo 3"), other, call)
        assert [each.name for each in made] == ["called"]
        assert there.sheet("called").exists()
        assert not there.sheet("said").exists()


async def test_of_two_specs_the_first_counts_and_the_second_is_told_of(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        text = fenced(name="one", implementation="echo 1") + fenced(name="two", implementation="x")
        first, second = await there.hear(text)
        assert (first.name, first.problem) == ("one", "")
        assert second.name == "two"
        assert "its first" in second.problem
        assert not there.sheet("two").exists()


@pytest.mark.parametrize("right", [
    {"approve": "auto"}, {"verbatim": True}, {"sandbox": {"network": True, "write": ["/"]}},
    {"annotations": {"p42.dev/adopt": "true"}}, {"agentRef": "muse"},
])  # fmt: skip
async def test_no_right_comes_from_a_model(tmp_path: Path, right: dict[str, Any]) -> None:
    async with smithy(tmp_path / "home") as there:
        made = await there.one(name="hello", implementation="echo hi", **right)
        assert made.problem == ""
        resource = there.read("hello")
        assert resource.spec == {"language": "bash", "source": "echo hi\n"}
        assert all(note.startswith("p42.dev/forged-") for note in resource.annotations)
        assert not there.approvals.get(Ref("Command", "hello")).auto


async def test_words_of_others_cannot_break_out_of_the_annotations(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        text = fenced(name="hello", implementation="echo hi")
        session = 's\n    p42.dev/adopt: "true"\u202e' + "x" * 5000
        (made,) = await there.hear(text, session=session)
        assert made.problem == ""
        notes = there.read("hello").annotations
        assert set(notes) == {"p42.dev/forged-by", "p42.dev/forged-in", "p42.dev/forged-model"}
        assert len(notes["p42.dev/forged-in"]) <= 200


async def test_a_name_declared_elsewhere_is_left_alone(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        ref = Ref("Command", "hello")
        there.elsewhere[ref] = Resource(ref, Place("/src/mine.yaml", 0, 3), {"source": "echo"})
        made = await there.one(name="hello", implementation="echo hi")
        assert "declared in /src/mine.yaml:3:1" in made.problem
        assert there.written == []


async def test_a_manifest_that_a_person_wrote_is_never_written_over(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        mine = (
            b"apiVersion: p42.dev/v1\nkind: Command\nmetadata: {name: hello}\nspec: {source: a}\n"
        )
        there.sheet("hello").parent.mkdir(parents=True)
        for data in (mine, b"<<<<<<< not yaml", b""):
            there.sheet("hello").write_bytes(data)
            made = await there.one(name="hello", implementation="echo hi")
            assert str(there.sheet("hello")) in made.problem
            assert there.sheet("hello").read_bytes() == data


async def test_a_link_in_the_place_of_a_manifest_is_not_followed(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        there.sheet("hello").parent.mkdir(parents=True)
        (tmp_path / "victim").write_text("precious")
        there.sheet("hello").symlink_to(tmp_path / "victim")
        made = await there.one(name="hello", implementation="echo hi")
        assert "was not forged" in made.problem
        assert (tmp_path / "victim").read_text() == "precious"


async def test_a_directory_of_manifests_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        (tmp_path / "outside").mkdir()
        (there.home / "manifests").mkdir()
        (there.home / "manifests" / "commands").symlink_to(tmp_path / "outside")
        made = await there.one(name="hello", implementation="echo hi")
        assert made.problem
        assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("name", ["ls", "cd", "test"])
async def test_a_program_or_a_word_of_the_shell_is_not_hidden(tmp_path: Path, name: str) -> None:
    async with smithy(tmp_path / "home") as there:
        made = await there.one(name=name, implementation="echo hi")
        assert "ask for another name" in made.problem
        assert there.written == []


async def test_a_file_in_commands_that_p42_did_not_make_is_in_the_way(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        (there.home / "commands").mkdir()
        (there.home / "commands" / "hello").write_text("#!/bin/sh\necho mine\n")
        made = await there.one(name="hello", implementation="echo hi")
        assert "p42 did not make it" in made.problem


@pytest.mark.parametrize(("given", "near"), [
    ("Rainbow Logs", "rainbow-logs"), ("../../etc/passwd", "etc-passwd"), ("-rf", "rf"),
    ("git_haiku.sh", "git-haiku-sh"), ("7zip", "zip"), ("x" * 80, "x" * 63), ("a\x00b", "a-b"),
])  # fmt: skip
async def test_an_invalid_name_is_answered_with_a_near_one(
    tmp_path: Path, given: str, near: str
) -> None:
    async with smithy(tmp_path / "home") as there:
        made = await there.one(name=given, implementation="echo hi")
        assert f"; {near} would do" in made.problem
        assert there.written == []


@pytest.mark.parametrize("given", [None, 7, ["ls"], "", "日本", "..", "/"])
async def test_a_name_that_is_none_is_told(tmp_path: Path, given: Any) -> None:
    async with smithy(tmp_path / "home") as there:
        made = await there.one(name=given, implementation="echo hi")
        assert made.problem
        assert there.written == []


async def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        (there.home / "manifests").write_text("not a directory")
        made = await there.one(name="hello", implementation="echo hi")
        assert made.problem
        assert made.file == ""
