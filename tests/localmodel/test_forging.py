"""The small model here makes simple commands, most of the time; nothing of them is canned."""

from __future__ import annotations

from p42.providers.openai_wire import request as body
from p42.scripts.draft import draft
from p42.scripts.examples import simply
from p42.scripts.reply import Unfit, loaded
from tests.localmodel.conftest import Server

WORDS = (
    "hello", "good morning", "good night", "welcome", "happy birthday", "see you soon",
    "good evening", "thank you", "hello world", "good afternoon",
)  # fmt: skip


def made(server: Server, request: str, tries: int = 4) -> str:
    """The script for it; "" where none of a few answers is one."""
    for number in range(tries):
        answer = server.ask(body(simply(request, tries=number), limit="max_tokens"))
        try:
            return draft(loaded(answer["choices"][0]["message"]["content"])).source
        except Unfit:
            continue
    return ""


def test_of_ten_simple_requests_eight_become_what_was_asked_for(server: Server) -> None:
    scripts = {word: made(server, f"a command that prints {word}") for word in WORDS}
    good = [w for w, script in scripts.items() if w.split()[-1] in script.lower()]
    assert len(good) >= 8, scripts
    assert len(set(scripts.values())) > 5  # each is an answer to its own question
