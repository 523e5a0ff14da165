"""Talk is kept: every word on either side, through interrupts, cuts, restarts and reloads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from p42.model.completion import Cut, Text, Tool, ToolCall
from p42.model.errors import Blocked, InvalidInput, P42Error, TimedOut
from p42.model.talk import Forged, Heard, Say, Used
from tests.providers.vendors.script import CutShort, Status
from tests.providers.vendors.script import Say as Answer
from tests.talk.room import MUSE, room


async def test_an_answer_streams_is_kept_and_billed(tmp_path: Path) -> None:
    async with room(tmp_path, Answer("One two three.")) as there:
        heard, said = await there.hear("Count.", session="cli-1")
        assert heard == "One two three."
        assert (said.session, said.agent, said.answer.account) == ("cli-1", "muse", "main")
        assert said.cost == said.answer.cost > 0
        assert await there.told("cli-1") == [
            ("user", "Count.", False), ("assistant", "One two three.", False),
        ]  # fmt: skip
        assert there.asked[0]["messages"][0] == {"role": "system", "content": "You are muse."}
        assert there.asked[0]["temperature"] == 0.8


async def test_a_projects_instructions_are_read_anew_for_each_message(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.declare("muse", {**MUSE, "projectPath": str(tmp_path)})
        for word in ("tabs", "spaces"):
            (tmp_path / "AGENTS.md").write_text(f"Use {word}.")
            await there.say("Write a line.", session="a")
            system = there.asked[-1]["messages"][0]["content"]
            assert system.startswith("You are muse.\n\nWhat AGENTS.md of the project")
            assert system.endswith(f"Use {word}.")
        (tmp_path / "AGENTS.md").unlink()
        with pytest.raises(Blocked, match=r"has no AGENTS\.md"):
            await there.say("Write a line.", session="a")
    assert len(there.asked) == 2


async def test_the_conversation_goes_on_and_after_a_restart_too(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.say("My cat is called Tom.", session="a")
    async with room(tmp_path) as there:
        await there.say("And what is its name?", session="a")
        roles = [message["role"] for message in there.asked[0]["messages"]]
        assert roles == ["system", "user", "assistant", "user"]
        assert "Tom" in there.asked[0]["messages"][1]["content"]


async def test_what_the_window_leaves_out_is_told_in_the_system_text(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        for number in range(6):
            await there.say(f"question {number}", session="a")
        system, *shown = there.asked[-1]["messages"]
        assert "6 earlier messages" in system["content"]
        assert "- question 1" in system["content"]
        assert [m["content"] for m in shown if m["role"] == "user"] == [
            "question 0", "question 4", "question 5",
        ]  # fmt: skip


async def test_a_summary_is_made_behind_and_used(tmp_path: Path) -> None:
    def script(seen: Any) -> Any:
        summing = "Sum up" in str(seen.body["messages"][0]["content"])
        return Answer("They counted to nine." if summing else "Yes.")

    async with room(tmp_path) as there:
        there.server.script = script
        facts = {**MUSE, "memory": {**MUSE["memory"], "summarize": True}}
        await there.declare("muse", facts)
        for number in range(7):
            await there.say(f"question {number}", session="a")
        await there.server.until(lambda: any("Sum up" in str(b["messages"]) for b in there.asked))
        async with asyncio.timeout(5):
            while not (await there.sessions.get("a") or _none()).summary:
                await asyncio.sleep(0)
        await there.say("the last", session="a")
        assert "They counted to nine." in there.asked[-1]["messages"][0]["content"]


async def test_a_changed_persona_counts_from_the_next_message(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.say("one", session="a")
        await there.declare("muse", {**MUSE, "persona": "You are somebody else.", "model": "m-2"})
        await there.say("two", session="a")
        assert there.asked[1]["messages"][0]["content"].startswith("You are somebody else.")
        assert there.asked[1]["model"] == "m-2"
        assert len(there.asked[1]["messages"]) == 4


@pytest.mark.parametrize("name", ["muse", "@muse", "@ai-muse", "ai-muse"])
async def test_the_originals_names_lead_to_declared_agents(tmp_path: Path, name: str) -> None:
    async with room(tmp_path) as there:
        async with aclosing(there.talks.say(Say(name, "hi"))) as spoken:
            pieces = [piece async for piece in spoken]
        assert getattr(pieces[-1], "agent", "") == "muse"


async def test_an_unknown_agent_is_somebody_unless_it_has_to_be_known(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        async with aclosing(there.talks.say(Say("builder", "hi"))) as spoken:
            assert [piece async for piece in spoken]
        with pytest.raises(InvalidInput, match="there is: @muse"):
            async with aclosing(there.talks.say(Say("builder", "hi", known=True))) as spoken:
                await anext(spoken)


async def test_an_interrupted_answer_stays_as_far_as_it_came(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with room(tmp_path, Answer("One two three", hold=gate, after=2)) as there:
        async with aclosing(there.talks.say(Say("muse", "Count.", session="a"))) as spoken:
            first = await anext(spoken)
        assert isinstance(first, Text)
        assert await there.told("a") == [("user", "Count.", False), ("assistant", "One", True)]
        await there.say("Go on.", session="a")
        assert "broke off" in there.asked[1]["messages"][2]["content"]
        await there.server.until(lambda: there.server.aborted == 1)


async def test_a_cut_line_is_a_cut_turn_and_an_error(tmp_path: Path) -> None:
    async with room(tmp_path, CutShort(Answer("One two three four"), after=3)) as there:
        with pytest.raises(Cut):
            await there.say("Count.", session="a")
        told = await there.told("a")
        assert (told[1][0], told[1][2]) == ("assistant", True)
        assert "One" in told[1][1]


async def test_a_refusal_keeps_what_the_person_said(tmp_path: Path) -> None:
    async with room(tmp_path, Status(401)) as there:
        with pytest.raises(P42Error):
            await there.say("Hello?", session="a")
        assert await there.told("a") == [("user", "Hello?", False)]


async def test_one_voice_at_a_time_and_the_others_wait(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with room(tmp_path, Answer("first", hold=gate)) as there:
        async with asyncio.TaskGroup() as group:
            group.create_task(there.say("one", session="a"))
            await there.server.until(lambda: len(there.asked) == 1)
            with pytest.raises(TimedOut):
                await there.say("impatient", session="a", timeout=0.05)
            group.create_task(there.say("two", session="a"))
            await there.say("elsewhere", session="b")
            gate.set()
        assert [content for role, content, _ in await there.told("a") if role == "user"] == [
            "one", "two",
        ]  # fmt: skip


async def test_any_number_may_watch(tmp_path: Path) -> None:
    async with room(tmp_path, Answer("One two")) as there:
        watchers = [there.talks.watch("a") for _ in range(2)]
        async with asyncio.TaskGroup() as group:
            first = [group.create_task(anext(watcher)) for watcher in watchers]
            await asyncio.sleep(0)
            await there.say("Count.", session="a")
        assert [task.result() for task in first] == [{"role": "user", "content": "Count."}] * 2
        pieces = [await anext(watchers[0]) for _ in range(3)]
        assert pieces == [
            {"text": "One"}, {"text": " two"}, {"role": "assistant", "content": "One two"},
        ]  # fmt: skip
        for watcher in watchers:
            await watcher.aclose()  # type: ignore[attr-defined]


class Clockwork:
    """A box with one tool."""

    def __init__(self) -> None:
        self.ran: list[ToolCall] = []

    async def ready(self, name: str, agent: Mapping[str, Any]) -> Sequence[str]:
        return ()

    def offered(self, name: str, agent: Mapping[str, Any]) -> Sequence[Tool]:
        return [Tool("time", "The time.", {"type": "object", "properties": {}})]

    def question(self, name: str, agent: Mapping[str, Any], call: ToolCall, session: str) -> str:
        return ""

    def refuse(self, name: str, call: ToolCall, why: str, *, rule: str = "") -> Used:
        return Used(call, why, refused=True)

    async def run(
        self,
        name: str,
        agent: Mapping[str, Any],
        call: ToolCall,
        session: str,
        *,
        agreed: bool = False,
    ) -> Used:
        self.ran.append(call)
        return Used(call, "noon")


async def test_tools_are_run_and_their_results_go_back(tmp_path: Path) -> None:
    call = ToolCall("c1", "time", {})
    box = Clockwork()
    async with room(tmp_path, Answer("", calls=(call,)), Answer("Noon."), tools=box) as there:
        heard, said = await there.hear("What time is it?", session="a")
        assert (heard, said.answer.reply.text) == ("Noon.", "Noon.")
        assert box.ran == [call]
        assert there.asked[1]["messages"][-1]["role"] == "tool"
        assert there.asked[1]["messages"][-1]["content"] == "noon"
        assert said.cost == 2 * said.answer.cost
        assert said.usage.input == 20


async def test_a_model_that_only_calls_tools_comes_to_an_end(tmp_path: Path) -> None:
    box = Clockwork()
    async with room(tmp_path, tools=box) as there:
        there.server.script = lambda _: Answer("", calls=(ToolCall("c", "time", {}),))
        await there.say("Loop.", session="a")
        assert len(box.ran) == 8


class Ear:
    """Hears replies and makes a command of each."""

    def __init__(self) -> None:
        self.heard_: list[Heard] = []

    async def heard(self, heard: Heard) -> Sequence[Forged]:
        self.heard_.append(heard)
        return [Forged("tree", {}, file="/tree.yaml")]


async def test_the_forge_hears_whole_replies(tmp_path: Path) -> None:
    ear = Ear()
    async with room(tmp_path, Answer("Done."), listener=ear) as there:
        said = await there.say("Forge.", session="a")
        assert [each.name for each in said.forged] == ["tree"]
        assert ear.heard_[0].text == "Done."
        session = await there.sessions.get("a")
        assert session is not None
        assert session.command == "tree"


@pytest.mark.parametrize("text", ["", "  \n", "x" * (1 << 20) + "y"])
async def test_a_message_is_bounded_and_not_empty(tmp_path: Path, text: str) -> None:
    async with room(tmp_path) as there:
        with pytest.raises(InvalidInput):
            await there.say(text)


def _none() -> Any:
    raise AssertionError("the session is there")
