"""Loop: read a message or a /command, do it, again. History, several lines, completion."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from p42.cli import sessions, spawning, terminal
from p42.cli.home import home
from p42.cli.repl.talk import Talk, tell_forged
from p42.client import link
from p42.model.errors import NoDaemon, P42Error

HELP = """\
/new           begin another conversation     /end     say that this one is over, and leave
/resume ID     go on with that one            /sessions  the latest with this agent
/model [ID]    the model, or another one      /cost    what this sitting used
/forge [WHAT]  make the command we spoke of, or that one          /help    this
Enter sends; Alt-Enter begins a new line; Ctrl-C ends an answer; Ctrl-D leaves."""


def converse(talk: Talk) -> int:
    """Talk until the person leaves."""
    greeting = "" if talk.session else talk.resume()
    terminal.notice(f"@{talk.agent}: /help tells what there is, Ctrl-D leaves")
    if greeting:
        terminal.notice(greeting)
    prompt = _prompt(talk)
    while True:
        try:
            text = prompt.prompt(FormattedText([("bold", f"@{talk.agent} > ")])).strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            break
        if text and not _done(talk, text):
            break
    terminal.notice(f"{talk.session or 'nothing was said'}: {talk.bill}")
    return 0


def _done(talk: Talk, text: str) -> bool:
    """Do it; False = the person leaves."""
    try:
        if text.startswith("/"):
            return _command(talk, text)
        tell_forged(_said(talk, text))
    except KeyboardInterrupt:
        terminal.notice("interrupted; the conversation keeps what was said")
    except NoDaemon:
        raise
    except P42Error as error:
        terminal.notice(f"p42: {error}")
    return True


def _said(talk: Talk, text: str) -> dict[str, Any]:
    """Say it; where p42 has ended meanwhile it is started again, and the conversation goes on."""
    try:
        return talk.say(text)
    except NoDaemon:  # nothing was said yet
        spawning.ensure(home())
        return talk.say(text)


def _command(talk: Talk, text: str) -> bool:
    word, _, rest = text[1:].partition(" ")
    if word == "end":
        if talk.session:
            link.ask(home(), "session.end", {"session": talk.session})
        return False
    commands: dict[str, Callable[[Talk, str], None]] = {
        "new": _new, "resume": _resume, "sessions": _sessions, "model": _model,
        "cost": lambda talk, _: terminal.notice(talk.bill),
        "forge": lambda talk, rest: tell_forged(talk.say(f"/forge {rest}".strip())),
        "help": lambda *_: terminal.notice(HELP),
    }  # fmt: skip
    if word in commands:
        commands[word](talk, rest.strip())
    else:
        terminal.notice(f"there is no /{terminal.plain(word)}\n{HELP}")
    return True


def _new(talk: Talk, _: str) -> None:
    talk.session = ""
    terminal.notice("a new conversation")


def _resume(talk: Talk, rest: str) -> None:
    found = link.ask(home(), "session.show", {"session": rest})
    talk.session, talk.agent = found["id"], found["agent"]
    for message in found["messages"][-4:]:
        terminal.notice(sessions.line(message))


def _sessions(talk: Talk, _: str) -> None:
    asked = {"agent": talk.agent, "limit": 10}
    for item in link.ask(home(), "session.list", asked)["items"]:
        terminal.notice(f"{item['id']}  {item['state']}  {item['messages']}  {item['title']}")


def _model(talk: Talk, rest: str) -> None:
    if rest:
        talk.model = rest
    terminal.notice(f"model: {talk.model or 'as the agent says'}")


def _prompt(talk: Talk) -> PromptSession[str]:
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _newline(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    words = ["/new", "/end", "/resume", "/sessions", "/model", "/cost", "/forge", "/help"]
    return PromptSession(
        history=FileHistory(str(_history(talk.agent))), multiline=True, key_bindings=keys,
        completer=WordCompleter(words, sentence=True), complete_while_typing=False,
        enable_history_search=True,
    )  # fmt: skip


def _history(agent: str) -> Path:
    """Private, as what is said is."""
    path = Path(home(), "history", agent)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    return path
