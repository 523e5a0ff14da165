"""Loop: read a message or a /command, do it, again. History, several lines, completion."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from p42.cli import onlooking, spawning, terminal
from p42.cli.home import home
from p42.cli.repl.talk import Talk, directory, tell_forged
from p42.client import link
from p42.model.errors import InvalidInput, NoDaemon, P42Error
from p42.model.refs import is_name
from p42.model.talk import OWN_MODEL

INTO = re.compile(r"""--into(?:=|\s+)("[^"]*"|'[^']*'|\S+)\s*""")
HOME = "-"
OWN = "the agent's own"
HELP = """\
/new           begin another conversation
/resume ID     go on with that one
/sessions      the latest with this agent
/end           say that this one is over, and leave
/model [ID]    the model, or another one; default is the agent's own
/cost          what this sitting used
/forge [--into DIR] [WHAT]
               make the command we spoke of, or that one
/forge fix     make the one again whose tests failed
/into [DIR]    where commands go from now on; - is the home
/help          this
Enter sends; Alt-Enter begins a new line.
Ctrl-C ends an answer; Ctrl-D leaves."""


def converse(talk: Talk, *, new: bool = False) -> int:
    """Talk until the person leaves. `new`: in a conversation that begins with it.

    InvalidInput where nobody is called so.
    """
    try:
        talk.meet()
    except (InvalidInput, NoDaemon):
        raise
    except P42Error as error:  # it may answer by the time that something is said
        _tell(error)
    greeting = "" if talk.session or new else talk.resume()
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
    terminal.notice(talk.farewell)
    return 0


def _done(talk: Talk, text: str) -> bool:
    """Do it; False = the person leaves. Where p42 has ended it is started again, for any of it."""
    try:
        try:
            return _obeyed(talk, text)
        except NoDaemon:  # nothing was said yet
            spawning.ensure(home())
            return _obeyed(talk, text)
    except KeyboardInterrupt:
        terminal.notice("interrupted; the conversation keeps what was said")
    except NoDaemon:
        raise
    except P42Error as error:
        _tell(error)
    return True


def _obeyed(talk: Talk, text: str) -> bool:
    if text.startswith("/"):
        return _command(talk, text)
    tell_forged(talk.say(text))
    return True


def _tell(error: P42Error) -> None:
    """Who speaks is named once: `p42 is stopping` does that itself."""
    text = str(error)
    terminal.notice(text if text.startswith("p42 is ") else f"p42: {text}")


def _command(talk: Talk, text: str) -> bool:
    word, _, rest = text[1:].partition(" ")
    if word == "end":
        if talk.session:
            link.ask(home(), "session.end", {"session": talk.session})
        return False
    commands: dict[str, Callable[[Talk, str], None]] = {
        "new": _new, "resume": _resume, "sessions": _sessions, "model": _model,
        "cost": lambda talk, _: terminal.notice(talk.bill),
        "forge": _forge, "into": _into,
        "help": lambda *_: terminal.notice(HELP),
    }  # fmt: skip
    if word in commands:
        commands[word](talk, rest.strip())
    else:
        terminal.notice(f"there is no /{terminal.plain(word)}\n{HELP}")
    return True


def _new(talk: Talk, _: str) -> None:
    talk.session = talk.answered = ""
    terminal.notice("a new conversation")


def _resume(talk: Talk, rest: str) -> None:
    if not rest:
        terminal.notice(f"which one? /resume ID; the latest with @{terminal.plain(talk.agent)}:")
        _sessions(talk, rest)
        return
    found = link.ask(home(), "session.show", {"session": rest})
    talk.session, talk.agent, talk.answered = found["id"], found["agent"], ""
    for message in found["messages"][-4:]:
        terminal.notice(onlooking.line(message))


def _sessions(talk: Talk, _: str) -> None:
    asked = {"agent": talk.agent, "limit": 10}
    items = link.ask(home(), "session.list", asked)["items"]
    for item in items:
        told = f"{item['id']}  {item['state']}  {item['messages']}  {item['title']}"
        terminal.notice(terminal.plain(told))
    if not items:
        terminal.notice("none; archived ones: p42 session list --archived")


def _forge(talk: Talk, rest: str) -> None:
    """`--into` holds for this command alone."""
    before = talk.into
    named = INTO.match(rest)
    try:
        if named is not None:
            talk.into, rest = directory(_unquoted(named[1])), rest[named.end() :]
        tell_forged(talk.say(f"/forge {rest}".strip()), wanted=True)
    finally:
        talk.into = before


def _into(talk: Talk, rest: str) -> None:
    if rest:
        wanted = "" if rest == HOME else directory(_unquoted(rest))
        if wanted:  # a refusal is raised, and the place stays as it was
            link.ask(home(), "forge.into", {"agent": talk.agent, "into": wanted})
        talk.into = wanted
    terminal.notice(f"commands go to {talk.into or 'the home'}")


def _unquoted(word: str) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return word[1:-1] if quoted else word


def _model(talk: Talk, rest: str) -> None:
    """The one chosen in this sitting, else the one that the conversation keeps, else the agent's;
    of that, which it is, where it has answered."""
    if rest:
        talk.model = "" if rest == OWN_MODEL else rest
    chosen = talk.kept() if talk.model is None else talk.model
    last = f"; {talk.answered} answered last" if talk.answered not in ("", chosen) else ""
    terminal.notice(terminal.plain(f"model: {chosen or OWN}{last}"))


def _prompt(talk: Talk) -> PromptSession[str]:
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _newline(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    words = [
        "/new", "/end", "/resume", "/sessions", "/model", "/cost", "/forge", "/forge fix",
        "/into", "/help",
    ]  # fmt: skip
    return PromptSession(
        history=FileHistory(str(_history(talk.agent))), multiline=True, key_bindings=keys,
        completer=WordCompleter(words, sentence=True), complete_while_typing=False,
        enable_history_search=True,
    )  # fmt: skip


def _history(agent: str) -> Path:
    """Private, as what is said is. A session from elsewhere may name its agent as it likes."""
    path = Path(home(), "history", agent if is_name(agent) else "others")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    return path
