"""The server by itself: what it answers, to whom, and when it ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from p42.localserver import program
from p42.runtimes.local.child import command
from tests.localmodel.conftest import KEY, Server

ENDLESS = {"max_tokens": 4000, "ignore_eos": True, "stop": ["no such word"]}  # a minute or more


def said(text: str, **fields: Any) -> dict[str, Any]:
    """A question that a model answers the same way each time."""
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, **fields}


def test_it_answers_as_openai_does(server: Server) -> None:
    answer = server.ask(said("Say hello", max_tokens=5))
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert answer["choices"][0]["message"]["content"]
    assert answer["model"] == program.NAME
    assert answer["usage"]["completion_tokens"] == 5
    assert answer["choices"][0]["finish_reason"] == "length"


def test_a_stream_says_the_same_piece_by_piece(server: Server) -> None:
    whole = server.ask(said("Say hello", max_tokens=6))["choices"][0]["message"]["content"]
    body = said("Say hello", max_tokens=6, stream=True, stream_options={"include_usage": True})
    with server.open("/v1/chat/completions", body) as answer:
        lines = [line[6:] for line in answer.read().decode().splitlines() if line]
    assert lines.pop() == "[DONE]"
    events = [json.loads(line) for line in lines]
    pieces = [c["delta"].get("content") or "" for event in events for c in event["choices"]]
    assert "".join(pieces) == whole
    assert len([piece for piece in pieces if piece]) > 1
    assert events[-1]["usage"]["completion_tokens"] == 6


def test_the_systems_text_opens_the_conversation(server: Server) -> None:
    turns = [("system", " Be brief.\n"), ("user", "Hi"), ("assistant", "Ho "), ("user", "Hey")]
    messages = [{"role": role, "content": content} for role, content in turns]
    assert server.ask({"messages": messages}, "/apply-template")["prompt"] == (
        "Be brief.\n\nUser: Hi\n\nAssistant: Ho\n\nUser: Hey\n\nAssistant:"
    )


def test_a_schema_binds_the_answer(server: Server) -> None:
    """With room for the white space that the model likes to put between the words."""
    properties = {"colour": {"enum": ["red", "blue"]}}
    schema = {"type": "object", "required": ["colour"], "properties": properties}
    shape = {"type": "json_schema", "json_schema": {"name": "hat", "schema": schema}}
    answer = server.ask(said("A red hat.", max_tokens=200, response_format=shape))["choices"][0]
    assert json.loads(answer["message"]["content"])["colour"] in {"red", "blue"}


def test_a_stop_word_ends_the_answer_and_is_no_part_of_it(server: Server) -> None:
    whole = server.ask(said("Say hello", max_tokens=8))["choices"][0]["message"]["content"]
    word = whole.split()[2]
    answer = server.ask(said("Say hello", max_tokens=8, stop=[word]))["choices"][0]
    assert answer["finish_reason"] == "stop"
    assert answer["message"]["content"] == whole[: whole.index(word)]


def test_who_names_no_limit_and_no_stop_word_gets_ours(server: Server) -> None:
    """What it is, the server tells with each answer."""
    body = {"prompt": "one two three four", "temperature": 0, "stop": ["e", "o", "i", " "]}
    used = server.ask(body, "/completion")["generation_settings"]
    assert used["n_predict"] == program.MOST_TOKENS
    used = server.ask({"prompt": "one", "n_predict": 1}, "/completion")["generation_settings"]
    assert used["stop"] == list(program.STOPS)


def test_more_questions_than_slots_all_get_their_answer(server: Server) -> None:
    questions = [f"Count to {number}" for number in range(6)]
    alone = [server.ask(said(text, max_tokens=4)) for text in questions]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda text: server.ask(said(text, max_tokens=4)), questions))
    assert [a["usage"]["completion_tokens"] for a in together] == [4] * 6
    assert len({a["id"] for a in together + alone}) == 12


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
def test_who_leaves_frees_the_slot(model: Path, streamed: bool) -> None:
    only = Server(model.parent, slots=1)
    body = json.dumps(said("Tell me everything", stream=streamed, **ENDLESS)).encode()
    with socket.create_connection(("127.0.0.1", only.report["port"]), timeout=60) as leaving:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n"
        leaving.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        if streamed:
            assert leaving.recv(100)
    assert only.ask(said("Hi", max_tokens=1))["usage"]["completion_tokens"] == 1
    only.close()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/props", "/completion"])
@pytest.mark.parametrize("key", ["", "Bearer ", "Bearer wrong", f"Bearer {KEY}x"])
def test_without_the_key_nothing_is_said(server: Server, path: str, key: str) -> None:
    body = None if path in {"/v1/models", "/props"} else said("Hi", max_tokens=1)
    with server.open(path, body, Authorization=key) as answer:
        assert answer.status == 401
        assert program.NAME.encode() not in answer.read()


@pytest.mark.parametrize("path", ["/", "/index.html", "/slots", "/metrics"])
def test_there_is_no_page_and_no_list_of_what_others_asked(server: Server, path: str) -> None:
    with server.open(path) as answer:
        assert answer.status in {404, 501}


def test_no_page_of_elsewhere_may_read_an_answer(server: Server) -> None:
    with server.open("/v1/models", Origin="http://evil.example") as answer:
        assert answer.headers["Access-Control-Allow-Origin"] != "http://evil.example"
        assert answer.headers["Access-Control-Allow-Origin"] != "*"


def test_it_listens_on_loopback_alone(server: Server) -> None:
    listening = psutil.Process(server.process.pid).net_connections("inet")
    addresses = {each.laddr.ip for each in listening if each.status == psutil.CONN_LISTEN}
    assert addresses == {"127.0.0.1"}


def test_the_key_is_in_no_argument_and_no_environment(server: Server) -> None:
    proc = Path("/proc") / str(server.process.pid)
    assert KEY.encode() not in (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()


def test_a_prompt_past_the_context_is_refused(server: Server) -> None:
    with server.open("/v1/chat/completions", said("word " * 5000, max_tokens=1)) as answer:
        assert answer.status == 400
        assert json.loads(answer.read())["error"]["type"] == "exceed_context_size_error"


def test_it_ends_when_its_standard_input_does(model: Path) -> None:
    server = Server(model.parent)
    assert server.close() == 0


def test_a_missing_package_is_named() -> None:
    """Without site-packages nothing is installed."""
    bare = [word if word != "-I" else "-IS" for word in command()]
    wish = json.dumps({"key": "k", "models": "/nowhere", "slots": 1, "threads": 1}).encode()
    done = subprocess.run(bare, input=wish + b"\n", stdout=subprocess.PIPE, check=False)
    assert json.loads(done.stdout) == {"state": "missing", "package": "xllamacpp"}
    assert bare[0] == sys.executable
