"""An agent that speaks as the claude CLI does: kept, resumed, cut, ended with all it started."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from p42.api.talks import piece_of
from p42.model.completion import Cut, Text, ToolCall
from p42.model.errors import Blocked, P42Error, Retry, TimedOut
from p42.model.talk import Said, Say, Thinking, Used
from tests.process.room import CLAUDE, Room, alive, facts, room, until, whole


async def test_an_answer_streams_and_is_kept_as_turns(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert await there.text("say hello world", session="a") == "hello world"
        assert await there.told("a") == [
            ("user", "say hello world", False), ("assistant", "hello world", False),
        ]  # fmt: skip


async def test_usage_is_the_programs_and_cost_is_what_p42_metered(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        said = await there.say("say hi")
        assert (said.usage.input, said.usage.output) == (7, 3)
        assert said.cost == 0, "it asked nobody, whatever it reckons itself"
        assert (said.answer.account, said.agent) == ("main", "claude")


async def test_a_message_goes_on_in_the_clis_own_session(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.text("say one", session="a")
        first = await there.vendor_id("a")
        assert await there.text("history", session="a") == "say one; history"
        assert await there.vendor_id("a") == first
    async with room(tmp_path) as there:
        assert await there.text("history", session="a") == "say one; history; history"


async def test_persona_model_and_context_are_arguments_and_the_prompt_is_last(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        agent = {**facts(CLAUDE), "model": "claude-sonnet-4-5"}
        await there.declare("claude", agent)
        args = json.loads(await there.text("args", session="a", context="In project x."))
        assert args[:4] == ["--print", "--output-format", "stream-json", "--verbose"]
        assert args[args.index("--model") + 1] == "claude-sonnet-4-5"
        assert args[args.index("--append-system-prompt") + 1] == "You are brief.\n\nIn project x."
        assert args[-2:] == ["--", "args"]
        assert json.loads(await there.text("args", session="a", model="opus"))[5:7] == [
            "--model", "opus",
        ]  # fmt: skip


@pytest.mark.parametrize("prompt", ["size " + "é" * 200_000, "size a\0b"])
async def test_a_prompt_that_is_no_argument_still_arrives(tmp_path: Path, prompt: str) -> None:
    async with room(tmp_path) as there:
        size = len(prompt.replace("\0", ""))
        assert await there.text(prompt) == str(size)


async def test_a_tool_turn_is_shown_and_joined(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        pieces = await there.hear("tool")
        call = ToolCall("t1", "Bash", {"command": "ls"})
        assert pieces[:-1] == [
            Text("Let me look."), Thinking("hm"), call, Used(call, "a b"), Text("\n\nTwo files."),
        ]  # fmt: skip


async def test_thinking_is_shown_and_is_no_part_of_what_was_said(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.text("say hi", session="a")
        async with aclosing(there.talks.watch("a")) as watching, asyncio.TaskGroup() as group:
            seen: list[Any] = []

            async def look() -> None:
                while True:
                    seen.append(await anext(watching))

            looking = group.create_task(look())
            *pieces, said = await there.hear("think", session="a")
            await until(lambda: seen and seen[-1].get("content") == "Four.")
            looking.cancel()
        assert pieces == [Thinking("Is it "), Thinking("five?"), Text("Four.")]
        assert piece_of(pieces[0]) == {"thinking": "Is it "}
        assert isinstance(said, Said)
        assert said.answer.reply.text == "Four."
        told = [each for each in seen if "role" not in each]
        assert told == [{"thinking": "Is it "}, {"thinking": "five?"}, {"text": "Four."}]
        assert (await there.told("a"))[2:] == [
            ("user", "think", False), ("assistant", "Four.", False),
        ]  # fmt: skip


async def test_garbage_between_events_is_skipped(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        assert await there.text("garbage") == "whole"


@pytest.mark.parametrize(
    ("prompt", "error", "says"),
    [
        ("fail no credit", Blocked, "no credit"),
        ("api 429", Retry, "API Error: 429"),
        ("api 529", Retry, "API Error: 529"),
        ("api 400", Blocked, "API Error: 400"),
        ("early", Blocked, r"ended with code 1: nothing works: key is \*\*\*"),
        ("die", Cut, "ended with code 3: something broke, in the middle of its answer"),
        ("flood", Cut, "said more than"),
    ],
)
async def test_what_goes_wrong_is_told_and_the_session_goes_on(
    tmp_path: Path, prompt: str, error: type[P42Error], says: str
) -> None:
    async with room(tmp_path) as there:
        with pytest.raises(error, match=says):
            await there.say(prompt, session="a")
        assert await there.vendor_id("a"), "kept at the first event"
        assert await there.text("history", session="a") == f"{prompt}; history"
        assert there.processes.pids == frozenset()


async def test_a_budget_that_is_used_up_says_so(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        with pytest.raises(Blocked) as raised:
            await there.say("api 402")
        assert raised.value.reason == "BudgetExceeded"


async def test_a_broken_answer_is_there_as_a_cut_turn(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        with pytest.raises(Cut):
            await there.say("die", session="a")
        assert await there.told("a") == [("user", "die", False), ("assistant", "half of", True)]


async def hear_some(there: Room, text: str, **more: Any) -> str:
    """Say it, hear the first piece, and go."""
    async with aclosing(there.talks.say(Say("claude", text, **more))) as spoken:
        async for piece in spoken:
            assert isinstance(piece, Text)
            pids = whole(there)
            assert alive(*pids) == pids
            text = piece.text
            break
    assert there.processes.pids == frozenset()
    await until(lambda: not alive(*pids))
    return text


@pytest.mark.parametrize("prompt", ["hang", "fork", "fork away"])
async def test_who_hangs_up_ends_the_program_and_all_it_started(
    tmp_path: Path, prompt: str
) -> None:
    async with room(tmp_path) as there:
        heard = await hear_some(there, prompt, session="a")
        assert (await there.told("a"))[-1] == ("assistant", heard, True)
        assert await there.text("history", session="a") == f"{prompt}; history"


async def test_without_a_sandbox_grandchildren_end_too(tmp_path: Path) -> None:
    async with room(tmp_path, path=":none:") as there:
        there.talk._ground.places._sought = True  # as on a machine that has none
        async with aclosing(there.talks.say(Say("claude", "fork", session="a"))) as spoken:
            async for piece in spoken:
                assert isinstance(piece, Text)
                pids = [int(word) for word in piece.text.split()]
                assert alive(*pids) == pids
                break
        await until(lambda: not alive(*pids))
        assert there.talk.loose


async def test_a_deadline_ends_it_and_says_which(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        with pytest.raises(TimedOut, match="no whole answer within 1 s"):
            await there.say("hang", session="a", timeout=1.0)
        assert (await there.told("a"))[-1] == ("assistant", "half of", True)


async def test_silence_before_the_first_line_is_not_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p42.ai.programs.program.FIRST", 0.5)
    async with room(tmp_path) as there:
        with pytest.raises(TimedOut, match="said nothing within"):
            await there.say("silent", session="a")
        assert await there.told("a") == [("user", "silent", False)]


async def test_an_id_that_the_cli_forgot_begins_anew_and_is_told_what_was_said(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        await there.text("say my name is Tom", session="a")
        for transcript in (tmp_path / "agents" / "claude" / "transcripts").iterdir():
            transcript.unlink()
        args = json.loads(await there.text("args", session="a"))
        system = args[args.index("--append-system-prompt") + 1]
        assert "user: say my name is Tom" in system
        assert "--resume" not in args
        assert "--resume" in json.loads(await there.text("args", session="a"))


async def test_two_messages_to_one_session_take_turns(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        async with asyncio.TaskGroup() as group:
            for word in ("one", "two", "three"):
                group.create_task(there.text(f"say {word}", session="a"))
        roles = [role for role, _, _ in await there.told("a")]
        assert roles == ["user", "assistant"] * 3
        assert len((await there.text("history", session="a")).split(";")) == 4


async def test_a_session_that_is_deleted_ends_its_program(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        async with aclosing(there.talks.say(Say("claude", "hang", session="a"))) as spoken:
            assert await anext(spoken) == Text("half of")
            pids = whole(there)
            await there.sessions.delete("a")
            with pytest.raises(P42Error):
                await anext(spoken)
        await until(lambda: not alive(*pids))


async def test_the_end_of_the_keeper_is_the_end_of_the_answer_and_not_of_the_session(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        async with aclosing(there.talks.say(Say("claude", "hang", session="a"))) as spoken:
            assert await anext(spoken) == Text("half of")
            os.kill(there.link.pid, signal.SIGKILL)
            with pytest.raises(Cut, match="was ended by signal 9"):
                await anext(spoken)
        assert await there.text("history", session="a") == "hang; history"


async def test_there_are_only_so_many_programs_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p42.runtimes.agents.process.MOST", 1)
    async with room(tmp_path) as there:
        async with aclosing(there.talks.say(Say("claude", "hang", session="a"))) as spoken:
            await anext(spoken)
            with pytest.raises(Retry, match="programs of agents run already"):
                await there.say("say hi", session="b")
        assert await there.text("say hi", session="b") == "hi"
