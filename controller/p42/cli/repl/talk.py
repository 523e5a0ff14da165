"""Talk: one agent, one session: what is typed goes there, what comes back is heard."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from p42.cli import terminal
from p42.cli.home import home
from p42.cli.repl import asking
from p42.cli.repl.voice import Voice
from p42.client import link
from p42.model.money import usd

GRACE = 5.0  # s beyond the deadline, for the daemon to say itself that it ran out
NOTED = 200  # characters of a tool's arguments and of its result that are shown beside the answer
FORGE = "/forge"  # what makes a command of a conversation, through every door
FRESH = 3600.0  # s; a conversation that rested longer is not gone on with unasked


@dataclass
class Talk:
    """`session` "" = the next message begins one. The figures are of this sitting."""

    agent: str
    session: str = ""
    model: str | None = None
    timeout: float = 120.0
    cost: int = 0
    tokens: dict[str, int] = field(default_factory=lambda: {"in": 0, "out": 0})
    messages: int = 0
    uncounted: int = 0  # messages whose tokens nobody counted

    def say(self, message: str) -> dict[str, Any]:
        """Say it and let the answer be heard. Ctrl-C ends the answer and not the conversation."""
        told: dict[str, Any] = {}
        quiet = message.split(maxsplit=1)[:1] == [FORGE]
        payload = {**self._payload(message), "person": terminal.can_ask()}
        parts: Any = link.stream(home(), "say", payload, timeout=self._limit)
        with Voice() as voice, closing(parts) as coming:
            for part in coming:
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
                    voice.note(_tool(part["stream"]))
        self._took(told)
        return told

    def ask(self, message: str) -> dict[str, Any]:
        """The whole answer at once, for scripts."""
        told = link.ask(home(), "say", self._payload(message), timeout=self._limit)
        self._took(told)
        return told

    def resume(self) -> str:
        """Go on with the agent's latest conversation if it is fresh; what to tell of it."""
        items = link.ask(home(), "session.list", {"agent": self.agent, "limit": 1})["items"]
        if not items or items[0]["state"] not in ("active", "idle"):
            return ""
        self.session = items[0]["id"]
        return f"going on with {self.session} ({items[0]['messages']} messages); /new begins anew"

    @property
    def bill(self) -> str:
        """What this sitting used."""
        unknown = f" (of {self.uncounted} messages nobody knows)" if self.uncounted else ""
        return (
            f"{self.messages} messages, {self.tokens['in']} tokens in, "
            f"{self.tokens['out']} out{unknown}, {usd(self.cost)}"
        )

    @property
    def _limit(self) -> float:
        return self.timeout + GRACE

    def _payload(self, message: str) -> dict[str, Any]:
        # Drawn here: who interrupts the first answer goes on in the conversation it was in.
        self.session = self.session or f"s-{secrets.token_hex(8)}"
        return {
            "agent": self.agent, "message": message, "session": self.session,
            "model": self.model, "timeout": self.timeout,
        }  # fmt: skip

    def _took(self, told: dict[str, Any]) -> None:
        self.session = told["session"]
        self.messages += 1
        self.cost += told["usage"]["costMicroUsd"]
        self.tokens["in"] += told["usage"]["inputTokens"] or 0
        self.tokens["out"] += told["usage"]["outputTokens"] or 0
        self.uncounted += told["usage"]["inputTokens"] is None
        for note in told.get("notes", ()):
            terminal.notice(terminal.plain(note))


def tell_forged(told: dict[str, Any]) -> None:
    """What came out of a reply, and what to do with it."""
    for made in told.get("forged", ()):
        if made["problem"]:
            terminal.notice(f"no command was made: {terminal.plain(made['problem'])}")
        else:
            print(terminal.lines(made["diff"]), end="")
            terminal.notice(
                f"command/{made['name']} waits for you: p42 approve command/{made['name']}"
            )


def _tool(piece: dict[str, Any]) -> str:
    name = terminal.plain(str(piece["tool"]))
    if "result" not in piece:
        return f"· calls {name} {asking.shown(piece['arguments'])[:NOTED]}".rstrip()
    said = terminal.plain(str(piece["result"]).partition("\n")[0])[:NOTED]
    return f"· {name} {said}" if piece.get("refused") else f"· {name}: {said}"
