"""An agent that reads a line and answers in lines: one process a session, kept between messages."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path

import pytest

from p42.api.talks import answered
from p42.model.completion import Cut, Text
from p42.model.errors import Blocked, P42Error, TimedOut
from p42.model.ports import Registration
from p42.model.refs import Ref
from p42.model.talk import Said
from p42.model.talk import Say as Saying
from tests.process.room import LINES, Room, alive, facts, room, until, whole
from tests.providers.vendors import Say


async def ask(there: Room, text: str, session: str = "a") -> str:
    return await there.text(text, agent="lines", session=session)


async def test_one_process_answers_a_session_and_another_the_next(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert [await ask(there, "count") for _ in range(3)] == ["1", "2", "3"]
        assert await ask(there, "count", "b") == "1"
        assert len(there.processes.pids) == 2
    assert there.processes.pids == frozenset()


async def test_an_answer_of_several_lines_is_one_answer(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert await ask(there, "many") == "one\n\ntwo\nthree"
        assert await ask(there, "count") == "2"


async def test_a_message_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert await ask(there, "raw one\ntwo\r\n\\three\n") == "raw one\\ntwo\\n\\three"
        assert await ask(there, "count") == "2"


async def test_an_answer_without_a_line_end_is_an_answer(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert await ask(there, "prompt") == "no line end"


async def test_who_marks_the_end_may_pause_before_it(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert await ask(there, "marked") == "first"
        assert await ask(there, "slow 0.6") == "0\n1\n2"


async def test_a_line_that_came_too_late_is_not_lost_nor_the_next_answer(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert await ask(there, "late") == "early"
        pids = whole(there)
        await until(lambda: _waits(*pids))
        assert await ask(there, "count") == "late\n2"


def _waits(*pids: int) -> bool:
    """Whether the last of them is reading its input again."""
    return "pipe_read" in Path(f"/proc/{pids[-1]}/wchan").read_text()


async def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert await ask(there, "binary") == "\ufffd\ufffd ok"


async def test_a_program_that_ends_well_has_answered_and_is_started_again(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert await ask(there, "bye") == "bye"
        assert await ask(there, "count") == "1"


@pytest.mark.parametrize(
    ("line", "error", "says"),
    [
        ("die", Cut, "ended with code 2: it broke"),
        ("mute", Blocked, "ended with code 1: I cannot, without an answer"),
        ("flood", Cut, "said more than"),
        ("long", Cut, "a line of more than"),
    ],
)
async def test_what_goes_wrong_is_told_and_the_next_message_starts_afresh(
    tmp_path: Path, line: str, error: type[P42Error], says: str
) -> None:
    async with room(tmp_path) as there:
        with pytest.raises(error, match=says):
            await ask(there, line)
        assert there.processes.pids == frozenset()
        assert await ask(there, "count") == "1"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("empty", "gave an empty answer$"),
        (
            "empty I know nothing",
            "gave an empty answer; on standard error it says: I know nothing$",
        ),
        ("blank", "gave an empty answer$"),
    ],
)
async def test_an_empty_answer_is_said_to_be_empty_and_the_program_stays(
    tmp_path: Path, line: str, says: str
) -> None:
    async with room(tmp_path) as there:
        assert await ask(there, "warn") == "warned"
        pids = there.processes.pids
        with pytest.raises(Blocked, match=says):
            await ask(there, line)
        assert await ask(there, "marked") == "first"
        assert there.processes.pids == pids


async def test_what_it_complained_of_in_an_earlier_message_is_no_reason_now(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert await ask(there, "warn") == "warned"
        assert await ask(there, "count") == "2"
        with pytest.raises(Blocked, match=r"ended with code 3, without an answer$"):
            await ask(there, "quit")


async def test_a_deadline_ends_it(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        with pytest.raises(TimedOut, match=r"within 0\.5 s"):
            await there.say("hang", agent="lines", session="a", timeout=0.5)
        assert there.processes.pids == frozenset()


async def test_who_hangs_up_ends_it_and_all_it_started(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        async with aclosing(there.talks.say(Saying("lines", "fork", session="a"))) as spoken:
            async for piece in spoken:
                assert isinstance(piece, Text)
                pids = whole(there)
                assert len(alive(*pids)) >= 2
                break
        await until(lambda: not alive(*pids))


async def test_it_ends_with_its_session(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await ask(there, "count")
        await there.sessions.change("a", ended=True)
        await until(lambda: not there.processes.pids)
        assert await ask(there, "count") == "1"
        await there.sessions.delete("a")
        await until(lambda: not there.processes.pids)


async def test_a_changed_declaration_counts_from_the_next_message(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await ask(there, "count")
        await there.declare("lines", facts(LINES, env={"MOOD": "good"}))
        assert await ask(there, "env MOOD") == "good"
        assert await ask(there, "count") == "2"
        assert len(there.processes.pids) == 1


async def test_one_that_rests_is_ended_before_what_it_can_write_is_followed(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    (project / "manifests").mkdir(parents=True)
    home.mkdir()
    async with room(home) as there:
        await there.declare("lines", facts(LINES, cwd=str(project)))
        await ask(there, "count")
        first = there.processes.pids
        if there.talk._ground.places._sandbox is None:
            pytest.skip("this machine has no sandbox: every change waits for approval anyway")
        async with there.talk._ground.pinning.following([str(tmp_path / "elsewhere")]):
            assert there.processes.pids == first
        async with there.talk._ground.pinning.following([str(project / "manifests")]):
            assert alive(*first) == []
            there.followed.append(str(project / "manifests"))
        assert await ask(there, "count") == "1"


async def test_it_is_told_who_it_is(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        asked = [f"env P42_{name}" for name in ("AGENT", "SESSION", "PERSONA")]
        told = [await ask(there, line) for line in asked]
        assert told == ["lines", "a", "You are brief."]


async def test_without_any_account_it_talks_all_the_same(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.there.registry.drop(Ref("Account", "main"))
        assert await ask(there, "env ANTHROPIC_API_KEY") == "none"
        with pytest.raises(Blocked, match="no account"):
            await there.say("say hi")


async def test_one_that_nobody_speaks_to_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path) as there:
        await ask(there, "count")
        await there.talk._keeping.end_idle()
        assert len(there.processes.pids) == 1
        monkeypatch.setattr("p42.ai.programs.lines.IDLE", 0.0)
        await there.talk._keeping.end_idle()
        assert there.processes.pids == frozenset()


async def test_only_so_many_rest_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p42.ai.programs.lines.MOST", 2)
    async with room(tmp_path) as there:
        for session in ("a", "b", "c"):
            await ask(there, "count", session)
        assert len(there.processes.pids) == 2
        assert await ask(there, "count", "c") == "2"
        assert await ask(there, "count", "a") == "1"


async def test_a_program_started_in_the_middle_is_told_what_was_said_if_it_reads_that(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        await there.declare("lines", facts(LINES, resume=True))
        assert await ask(there, "history") == "none"
        await ask(there, "raw two\nlines")
        await there.talk._keeping.end_all()
        pieces = await there.hear("history", agent="lines", session="a")
        said = pieces[-1]
        assert isinstance(said, Said)
        assert said.answer.reply.text == (
            "user: history\nassistant: none\nuser: raw two\\nlines\nassistant: raw two\\nlines"
        )
        assert said.notes == ()
        assert await ask(there, "count") == "2"


async def test_who_speaks_to_one_that_does_not_is_told_that_it_knows_nothing(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        assert (await there.say("count", agent="lines", session="a")).notes == ()
        assert (await there.say("count", agent="lines", session="a")).notes == ()
        await there.talk._keeping.end_all()
        (note,) = (await there.say("count", agent="lines", session="a")).notes
        assert note.startswith("agent/lines: ")
        assert "knows nothing of what was said before" in note
        assert "spec.process.resume" in note
        assert (await there.say("count", agent="lines", session="a")).notes == ()


async def test_what_is_left_out_of_its_history_is_told(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        lines = facts(LINES, resume=True)
        await there.declare("lines", {**lines, "memory": {**lines["memory"], "window": 2}})
        for _ in range(3):
            await ask(there, "count")
        await there.talk._keeping.end_all()
        told = (await ask(there, "history")).splitlines()
        assert told == ["system: 4 earlier messages are not shown", "user: count", "assistant: 3"]


async def test_tokens_that_nobody_counted_are_unknown_and_not_none(tmp_path: Path) -> None:
    async with room(tmp_path, Say("Hello.")) as there:
        said = await there.say("count", agent="lines", session="a")
        assert (said.usage, said.cost) == (None, 0)
        assert answered(said)["usage"]["inputTokens"] is None
        await there.declare("lines", {**facts(LINES), "model": "claude-sonnet-4-5"})
        said = await there.say("model hi", agent="lines", session="b")
        assert said.answer.reply.text == "Hello."
        assert said.usage is not None
        assert said.usage.input > 0 < said.usage.output
        assert answered(said)["usage"]["outputTokens"] == said.usage.output
        assert (await there.say("count", agent="lines", session="b")).usage is None


async def test_it_finds_the_servers_among_its_tools_in_a_file_while_it_runs(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        row = Registration("0" * 16, {"type": "mcp", "config": {"command": "files", "args": []}})
        await there.there.registry.put(Ref("Integration", "files"), row)
        await there.declare("lines", {**facts(LINES), "tools": ["files"]})
        found = json.loads(await ask(there, "servers"))
        assert found["mcpServers"]["files"]["command"] == "files"
        assert await ask(there, "servers")
        path = await ask(there, "env P42_MCP_CONFIG")
        assert Path(path).is_relative_to(tmp_path / "agents" / "lines")
    assert not Path(path).exists()
