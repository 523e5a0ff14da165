"""Talk: one agent, one session: what is typed goes there, what comes back is heard."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p42.cli import applying, terminal, words
from p42.cli.home import home
from p42.cli.repl import asking
from p42.cli.repl.voice import Voice
from p42.client import link
from p42.model.errors import BrokenOff, InvalidInput, TimedOut
from p42.model.money import usd
from p42.model.session import is_of_project

GRACE = 5.0  # s beyond the deadline, for the daemon to say itself that it ran out
# Characters of a tool's arguments, of its result and of what is thought, shown beside the answer.
NOTED = 200
THOUGHT = 4 * NOTED  # characters of thinking that are kept until it is over; spaces among them
CUT = "the answer was cut at the most tokens one may have; the agent's maxTokens says how many"
FORGE = "/forge"  # what makes a command of a conversation, through every door
# What `loop` obeys and no model is told of; not /forge, which means the same everywhere.
SITTING = frozenset({"/help", "/new", "/end", "/model", "/cost", "/sessions", "/resume", "/into"})
LISTED = 1000  # the latest of an agent; many of them may be conversations of projects
FRESH = 3600.0  # s; a conversation that rested longer is not gone on with unasked


@dataclass
class Talk:
    """`session` "" = the next message begins one. `model` None = the one that it keeps, else the
    agent's; "" = the agent's, and it keeps none from then on. `into`: where commands go that come
    of it, as an absolute path; "" = the home. `answered`: the model that answered last, "" = none
    yet. The figures are of this sitting."""

    agent: str
    session: str = ""
    model: str | None = None
    timeout: float = 120.0
    into: str = ""
    answered: str = ""
    cost: int = 0
    tokens: dict[str, int] = field(default_factory=lambda: {"in": 0, "out": 0})
    messages: int = 0
    uncounted: int = 0  # messages whose tokens nobody counted
    broken: int = 0  # answers that broke off: what they used, nobody told us

    def say(self, message: str) -> dict[str, Any]:
        """Say it and let the answer be heard. Ctrl-C ends the answer and not the conversation."""
        told: dict[str, Any] = {}
        quiet = asks_for_command(message)
        payload = {**self._payload(message), "person": terminal.can_ask()}
        with self._counted(), Voice() as voice, closing(self._parts(payload)) as coming:
            for part in _thought(coming):
                if "data" in part:
                    told = part["data"]
                elif "text" in part["stream"]:
                    if quiet:  # a spec as JSON, perhaps several; the manifest is shown instead
                        continue
                    voice.say(part["stream"]["text"])
                elif "ask" in part["stream"]:
                    with voice.aside():
                        asking.decide(part["stream"]["ask"])
                else:
                    voice.note(_beside(part["stream"]))
        self._took(told)
        return told

    def ask(self, message: str) -> dict[str, Any]:
        """The whole answer at once, for scripts. Ctrl-C ends it all the same."""
        with closing(self._parts(self._payload(message))) as coming:
            told = next(dict(part["data"]) for part in coming if "data" in part)
        self._took(told)
        return told

    def _parts(self, payload: dict[str, Any]) -> Any:
        """What comes; closed, it ends the answer."""
        return link.stream(home(), self._verb, payload, timeout=self._limit)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except (KeyboardInterrupt, BrokenOff, TimedOut):
            self.broken += 1
            raise

    def meet(self) -> None:
        """Say who will answer where that is not who was named, and that a conversation is new.

        InvalidInput if nobody is called so; P42Error if they do not answer now.
        """
        asked = {"agent": self.agent, "session": self.session}
        found = link.ask(home(), "session.whom", asked)
        here, others = terminal.plain(self.session), ", ".join(map(terminal.plain, found["begins"]))
        whom, self.agent = self.agent, found["agent"]
        if found["session"] and self.agent != whom:
            who = terminal.plain(self.agent)
            terminal.notice(f"{here} is a conversation with @{who}, who answers in it")
        elif others:
            terminal.notice(f"{here} is a new conversation; there is: {others}")

    def resume(self) -> str:
        """Go on with the agent's latest conversation if it is fresh; what to tell of it.

        One of a project's is its chatters': what a person says there all of them would see.
        """
        asked = {"agent": self.agent, "limit": LISTED}
        items = link.ask(home(), "session.list", asked)["items"]
        latest = next((each for each in items if not is_of_project(each["id"])), None)
        if latest is None or latest["state"] not in ("active", "idle"):
            return ""
        self.session = latest["id"]
        many = messages(latest["messages"])
        return f"going on with {self.session} ({many}); /new begins anew"

    def kept(self) -> str:
        """The model that the conversation keeps; "" = none. P42Error as the daemon has it."""
        named = {"agent": self.agent, "session": self.session}
        if not self.session or link.ask(home(), "session.whom", named)["session"] is None:
            return ""
        found = link.ask(home(), "session.export", {"session": self.session})
        return str(found["model"])

    @property
    def bill(self) -> str:
        """What this sitting used."""
        unknown = f" (of {messages(self.uncounted)} nobody knows)" if self.uncounted else ""
        broken = f"; and {self.broken} that broke off; p42 usage counts what it cost"
        return (
            f"{messages(self.messages)}, {self.tokens['in']} tokens in, "
            f"{self.tokens['out']} out{unknown}, {usd(self.cost)}{broken if self.broken else ''}"
        )

    @property
    def farewell(self) -> str:
        """What this sitting used, in however many conversations, and which of them was the last."""
        if not self.messages and not self.broken:
            return "nothing was said"
        here = f"\nthe last conversation: {terminal.plain(self.session)}" if self.session else ""
        return f"this sitting: {self.bill}{here}"

    @property
    def _limit(self) -> float:
        return self.timeout + GRACE

    @property
    def _verb(self) -> str:
        """Which directory is a person's to say, so it is another verb."""
        return "say.into" if self.into else "say"

    def _payload(self, message: str) -> dict[str, Any]:
        # Drawn here: who interrupts the first answer goes on in the conversation it was in.
        self.session = self.session or f"s-{secrets.token_hex(8)}"
        return {
            "agent": self.agent, "message": words.typed(message), "session": self.session,
            "model": self.model, "timeout": self.timeout,
            **({"into": self.into} if self.into else {}),
        }  # fmt: skip

    def _took(self, told: dict[str, Any]) -> None:
        self.session, self.answered = told["session"], told["model"]
        self.messages += 1
        self.cost += told["usage"]["costMicroUsd"]
        self.tokens["in"] += told["usage"]["inputTokens"] or 0
        self.tokens["out"] += told["usage"]["outputTokens"] or 0
        self.uncounted += told["usage"]["inputTokens"] is None
        if told.get("stop") == "length":
            terminal.notice(CUT)
        for note in told.get("notes", ()):
            terminal.notice(terminal.plain(note))


def messages(count: int) -> str:
    """So many."""
    return f"{count} message{'' if count == 1 else 's'}"


def asks_for_command(message: str) -> bool:
    """Whether it is `/forge`."""
    return message.split(maxsplit=1)[:1] == [FORGE]


def of_sitting(message: str) -> str:
    """The command of a conversation line by line that a message begins with; "" = it does not."""
    first = message.split(maxsplit=1)[:1]
    return first[0] if first and first[0] in SITTING else ""


def tell_forged(told: dict[str, Any], *, wanted: bool = False, shown: bool = True) -> bool:
    """What came out of a reply, and what to do with it. Whether a command did.

    `wanted`: one was asked for. Not `shown`: only why there is none.
    """
    forged = told.get("forged", ())
    for made in forged:
        if made["problem"]:
            terminal.notice(f"no command was made: {terminal.plain(made['problem'])}")
        elif shown:
            print(terminal.lines(made["diff"]), end="")
            file, ref = terminal.plain(made["file"]), f"command/{made['name']}"
            waits = f"and waits for you: p42 approve {ref}"
            ready = "as you agreed to it: nothing waits"
            terminal.notice(f"{ref} stands in {file} {waits if made['waits'] else ready}")
    if wanted and not forged:
        session = terminal.plain(told["session"])
        terminal.notice(
            f"no command was made: the answer holds none; see: p42 session show {session}"
        )
    return any(not made["problem"] for made in forged)


def directory(given: str) -> str:
    """`given` as the daemon takes it, from where the person stands; "" = the home.

    InvalidInput: it cannot be sent.
    """
    try:
        return applying.absolute(str(Path(given).expanduser())) if given else ""
    except RuntimeError:
        raise InvalidInput(f"{terminal.plain(given)}: nobody has that name here") from None


def _thought(parts: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """`parts`, with what is thought in pieces as one, once it is over."""
    thought = ""
    for part in parts:
        if "thinking" in part.get("stream", ()):
            thought = (thought + part["stream"]["thinking"])[:THOUGHT]
            continue
        if thought.strip():
            yield {"stream": {"thinking": thought}}
        thought = ""
        yield part


def _beside(piece: dict[str, Any]) -> str:
    if "thinking" in piece:
        return f"· thinking: {terminal.plain(' '.join(piece['thinking'].split()))[:NOTED]}"
    name = terminal.plain(str(piece["tool"]))
    if "result" not in piece:
        return f"· calls {name} {asking.shown(piece['arguments'])[:NOTED]}".rstrip()
    said = terminal.plain(str(piece["result"]).partition("\n")[0])[:NOTED]
    return f"· {name} {said}" if piece.get("refused") else f"· {name}: {said}"
