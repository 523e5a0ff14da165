"""What a program asks models for goes through p42: with its own token, metered, and no further."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.process.room import CLAUDE, LINES, Room, facts, room

ASKS = """
import json, os, sys, urllib.error, urllib.request

def ask(model):
    body = {"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
    request = urllib.request.Request(
        os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", json.dumps(body).encode(),
        {"content-type": "application/json", "anthropic-version": "2023-06-01",
         "authorization": "Bearer " + os.environ["ANTHROPIC_AUTH_TOKEN"]})
    try:
        return json.load(urllib.request.urlopen(request))["content"][0]["text"]
    except urllib.error.HTTPError as error:
        return str(error.code) + " " + json.load(error)["error"]["message"]

for line in sys.stdin:
    print(ask(line.strip()), flush=True)
"""


async def asking(there: Room, **agent: Any) -> None:
    """Agent `lines` asks the model that it is told."""
    script = there.home / "asks.py"
    script.write_text(ASKS)
    process = facts(LINES, command=sys.executable, args=["-c", ASKS])
    await there.declare("lines", {**process, **agent})


async def test_its_calls_are_billed_to_the_agent_and_told_with_the_answer(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await asking(there, model="m-1")
        said = await there.say("m-1", agent="lines", session="a")
        assert said.answer.reply.text == "Hello from the other side."
        assert said.cost == there.there.spent() > 0
        again = await there.say("m-1", agent="lines", session="a")
        assert again.cost == said.cost, "each message its own"
        await there.there.meter.flush()
        rows = there.there.database.rows("SELECT DISTINCT account, agent FROM calls")
        assert rows == [("main", "agent/lines")]


async def test_its_token_is_for_its_model_alone_and_ends_with_it(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await asking(there, model="m-1")
        told = await there.text("m-2", agent="lines", session="a")
        assert told == "403 this token is for m-1, not for m-2"
        env = json.loads(await there.text("env", session="b"))
        assert there.door.tokens.find(env["ANTHROPIC_API_KEY"]) is None


async def test_two_sessions_of_one_agent_do_not_void_each_other(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await asking(there, model="m-1")
        for session in ("a", "b", "a"):
            assert (await there.text("m-1", agent="lines", session=session)).startswith("Hello")


async def test_every_model_the_cli_may_choose_by_itself_is_the_declared_one(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        await there.declare("claude", {**facts(CLAUDE), "model": "claude-sonnet-4-5"})
        names = "ANTHROPIC_SMALL_FAST_MODEL ANTHROPIC_DEFAULT_HAIKU_MODEL"
        env = json.loads(await there.text(f"env {names}"))
        assert set(env.values()) == {"claude-sonnet-4-5"}
        await there.declare("claude", {**facts(CLAUDE), "model": "opus"})
        env = json.loads(await there.text(f"env {names}"))
        assert set(env.values()) == {None}, "the CLI knows what opus is; the vendor does not"
