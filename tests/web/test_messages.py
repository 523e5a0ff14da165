"""`/v1/messages` with Anthropic's own SDK, before vendors that speak either protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import pytest

from p42.model.completion import ToolCall, Usage
from tests.ai.scene import KEY
from tests.providers.vendors import AnthropicServer, OpenAIServer, Say
from tests.web.talk import PLAIN, QUESTION, final, talk

VENDORS = pytest.mark.parametrize("vendor", [AnthropicServer, OpenAIServer])
COST = 105  # micro-USD of 10 tokens in at 3 USD and 5 out at 15 USD a million
LAMP = ToolCall("call_1", "lamp", {"on": True, "rooms": ["hall"]})
TOOLS: Any = [{"name": "lamp", "description": "A lamp", "input_schema": {"type": "object"}}]


@VENDORS
async def test_an_answer_as_a_whole_is_the_vendors_and_is_billed(
    vendor: Any, tmp_path: Path
) -> None:
    async with vendor([Say("one two")]) as server, talk(tmp_path, server) as there:
        message = await there.client.messages.create(**PLAIN, system="Be brief.")
        assert message.content[0].text == "one two"
        assert (message.stop_reason, message.role) == ("end_turn", "assistant")
        assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 5)
        assert there.there.spent() == COST
        [(request, outcome, _)] = await there.there.journal()
        assert (outcome, request[:4]) == ("ok", "req-")
        assert "Be brief." in str(server.completions[0].body)


@VENDORS
async def test_an_answer_streams_and_is_billed(vendor: Any, tmp_path: Path) -> None:
    async with vendor([Say("one two three")]) as server, talk(tmp_path, server) as there:
        async with there.client.messages.stream(**PLAIN) as stream:
            texts = [text async for text in stream.text_stream]
            final = await stream.get_final_message()
        assert texts == ["one", " two", " three"]
        assert final.content[0].text == "one two three"
        assert (final.usage.output_tokens, final.stop_reason) == (5, "end_turn")
        assert there.there.spent() == COST


@VENDORS
@pytest.mark.parametrize("streamed", [False, True])
async def test_tools_go_both_ways(vendor: Any, streamed: bool, tmp_path: Path) -> None:
    async with (
        vendor([Say("Well.", calls=(LAMP,)), Say("It is lit.")]) as server,
        talk(tmp_path, server) as there,
    ):
        if streamed:
            message = await final(there.client, tools=TOOLS)
        else:
            message = await there.client.messages.create(**PLAIN, tools=TOOLS)
        assert message.stop_reason == "tool_use"
        call = message.content[1]
        assert (call.name, call.input) == ("lamp", dict(LAMP.arguments))
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "lit"}]
        turns: Any = [
            *QUESTION,
            {"role": "assistant", "content": [block.to_dict() for block in message.content]},
            {"role": "user", "content": results},
        ]
        again = await there.client.messages.create(**{**PLAIN, "messages": turns}, tools=TOOLS)
        assert again.content[0].text == "It is lit."
        assert "lit" in str(server.completions[1].body["messages"][-1])


@VENDORS
async def test_the_vendor_sees_the_accounts_key_and_never_the_token(
    vendor: Any, tmp_path: Path
) -> None:
    async with vendor([], key=KEY) as server, talk(tmp_path, server) as there:
        await there.client.messages.create(**PLAIN)
        secret = there.client.api_key or "nothing"
        [seen] = server.completions
        assert secret not in str(seen)
        assert KEY in seen.headers["authorization"]
        assert "x-api-key" not in seen.headers


async def test_what_only_anthropic_understands_is_passed_on(tmp_path: Path) -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}
    turns = [{"role": "user", "content": [{"type": "image", "source": picture}]}]
    async with AnthropicServer() as server, talk(tmp_path, server) as there:
        headers = {"anthropic-beta": "thing-2026-01-01", "x-else": "no"}
        await there.client.messages.create(
            **{**PLAIN, "messages": turns}, extra_body={"top_k": 4}, extra_headers=headers
        )
        [seen] = server.completions
        assert (seen.body["messages"], seen.body["top_k"]) == (turns, 4)
        assert seen.headers["anthropic-beta"] == "thing-2026-01-01"
        assert "x-else" not in seen.headers
        assert seen.path.endswith("/v1/messages?beta=true")
    async with OpenAIServer() as server, talk(tmp_path / "other", server) as there:
        with pytest.raises(anthropic.BadRequestError, match="needs an account of anthropic"):
            await there.client.messages.create(**{**PLAIN, "messages": turns})
        assert server.completions == []


async def test_a_key_that_stands_twice_in_the_body_means_the_same_to_all(tmp_path: Path) -> None:
    """A budget checked against one model must not be spent on another."""
    async with AnthropicServer(models=["m-1", "m-2"]) as server, talk(tmp_path, server) as there:
        body = (
            b'{"model":"m-2","model":"m-1","max_tokens":5,'
            b'"messages":[{"role":"user","content":"x"}]}'
        )
        told = await there.client.post(
            "/v1/messages", cast_to=object, content=body,
            options={"headers": {"content-type": "application/json"}},
        )  # fmt: skip
        assert told["model"] == "m-1"  # type: ignore[index]
        assert server.completions[0].raw.count(b'"model"') == 1


async def test_anthropics_models_mean_the_accounts_own_elsewhere(tmp_path: Path) -> None:
    """The claude CLI asks for models of Anthropic's, whatever account is behind p42."""
    async with OpenAIServer() as server, talk(tmp_path, server, models=["m-1", "m-2"]) as there:
        message = await there.client.messages.create(**{**PLAIN, "model": "claude-next"})
        assert message.content[0].text
        assert server.completions[0].body["model"] == "m-1"
        await there.client.messages.create(**{**PLAIN, "model": "m-2"})
        assert server.completions[1].body["model"] == "m-2"


async def test_a_person_names_the_account_in_a_header(tmp_path: Path) -> None:
    async with AnthropicServer() as server, talk(tmp_path, server) as there:
        there.client.api_key = await there.door.secret("agents")
        named = {"x-p42-account": "main"}
        await there.client.messages.create(**PLAIN, extra_headers=named)
        with pytest.raises(anthropic.PermissionDeniedError, match="no account 'other'"):
            await there.client.messages.create(**PLAIN, extra_headers={"x-p42-account": "other"})


@VENDORS
async def test_models_are_listed_and_tokens_counted(vendor: Any, tmp_path: Path) -> None:
    async with vendor() as server, talk(tmp_path, server) as there:
        found = [model.id async for model in there.client.models.list()]
        assert found == sorted(server.models or found)
        assert (await there.client.models.retrieve(found[0])).id == found[0]
        with pytest.raises(anthropic.NotFoundError):
            await there.client.models.retrieve("nothing")
        counted = await there.client.messages.count_tokens(model="m-1", messages=QUESTION)
        assert 1 <= counted.input_tokens < 50
        assert server.completions == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"max_tokens": 0}, "max_tokens"), ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"), ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"), ({"model": ""}, "model"), ({"model": 5}, "model"),
        ({"stream": "yes"}, "stream"), ({"max_tokens": 10**9}, "max_tokens"),
    ],
)  # fmt: skip
async def test_a_request_that_cannot_be_right_names_the_field(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    async with AnthropicServer() as server, talk(tmp_path, server) as there:
        with pytest.raises(anthropic.BadRequestError, match=said):
            await there.client.post("/v1/messages", cast_to=object, body={**PLAIN, **changed})
        assert server.completions == []


async def test_a_cached_prompt_is_counted_as_anthropic_counts(tmp_path: Path) -> None:
    say = Say("yes", usage=Usage(input=100, output=5, cached=60))
    async with OpenAIServer([say]) as server, talk(tmp_path, server) as there:
        usage = (await there.client.messages.create(**PLAIN)).usage
        assert (usage.input_tokens, usage.cache_read_input_tokens) == (40, 60)


async def test_a_system_turn_among_the_others_is_heard(tmp_path: Path) -> None:
    """The claude CLI sends its reminders so; other vendors get them with the system prompt."""
    turns = [*QUESTION, {"role": "system", "content": "Mind the date."}]
    async with OpenAIServer() as server, talk(tmp_path, server) as there:
        await there.client.messages.create(**{**PLAIN, "messages": turns}, system="Be brief.")
        first = server.completions[0].body["messages"][0]
        assert first["content"] == "Be brief.\n\nMind the date."
