"""Tools: what agents call, within their permissions: the ToolBox port.

    a call -> known? -> permitted? -> arguments fit? -> run, bounded -> its result, as text

Whatever a model asks for, what comes back is a result it can read: a refusal and a failure are
results too. Each call is in the journal, without arguments and results; secrets p42 knows are taken
out of what a model gets to see.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from p42.ai.forge.found import TOOL as FORGE_TOOL
from p42.ai.tools.arguments import fault, whole
from p42.ai.tools.bench import Bench, Declared, Look, Served, Servers
from p42.ai.tools.command import SCHEMA, Bounds, call_command
from p42.ai.tools.naming import LONGEST, wire_name
from p42.ai.tools.text import bounded
from p42.model.completion import Tool, ToolCall
from p42.model.errors import P42Error
from p42.model.permissions import Verdict, decisive, has_tools, verdict
from p42.model.ports import Journal, World
from p42.model.talk import Used, agent_ref

SECONDS = 30.0  # of one call; a conversation waits for it
SERVED = 90.0  # of one at a server, which may have to be started anew for it
MOST = 100  # tools offered to one agent; vendors take 128 at most
FORGE = "forge"  # the rule of the tool that declares a command: `forge: true` is its permission
NOTED = (
    "It becomes a manifest when you have answered, if it is the first such call of your answer. It "
    "cannot be run before a person has read and approved it."
)
NOT_THERE = "a tool that is not there"
NEAREST = 5  # names told to who calls what is not there; a model has all of them before it
DESCRIPTION = 500  # characters; what a manifest says is text of whoever wrote it

# Which agent, in which session, wants to declare what: why it would be refused, "" = it would not.
Unfit = Callable[[str, str, Mapping[str, Any]], Awaitable[str]]
Do = Callable[[str, Mapping[str, Any]], Awaitable[str]]  # who calls, with which arguments


@dataclass(frozen=True, slots=True)
class _Entry:
    """A tool on offer. `rule` is its name in permissions; it is given up after `seconds`."""

    rule: str
    tool: Tool
    do: Do
    seconds: float = SECONDS


class Tools:
    """Offers nothing until it is opened. `clean` takes secrets out of a text."""

    def __init__(
        self,
        *,
        clean: Callable[[str], str] = str,
        bounds: Bounds | None = None,
        servers: Servers | None = None,
    ) -> None:
        self._clean, self._bounds = clean, bounds or Bounds(SECONDS)
        self._servers = servers
        self._world: World | None = None
        self._bench: Bench | None = None
        self._unfit: Unfit | None = None

    def open(self, world: World, bench: Bench, *, unfit: Unfit | None = None) -> None:
        """From now on what is on `bench` can be called. Uses home, processes and journal.

        `unfit` is asked about what an agent declares; None = whoever hears the reply says it.
        """
        self._world, self._bench, self._unfit = world, bench, unfit

    async def ready(self, name: str, agent: Mapping[str, Any]) -> Sequence[str]:
        """Have the Integrations among its tools come up; what is missing, in sentences."""
        named, told = _integrations(agent), list[str]()
        if self._servers is not None and self._bench is not None and named:
            told = [self._clean(each) for each in await self._servers.reach(named)]
        left = len(self._permitted(agent)) - MOST
        if left > 0:
            self._note(name, "ToolsLeftOut", f"{left} over {MOST}: deny some", warning=True)
        return told

    def offered(self, name: str, agent: Mapping[str, Any]) -> Sequence[Tool]:
        """What the agent may call, commands last; what is denied is not even named."""
        return tuple(entry.tool for entry in self._entries(agent).values())

    def question(self, name: str, agent: Mapping[str, Any], call: ToolCall, session: str) -> str:
        """The tool a person has to agree to before `call` is run; "" = none, or it is refused."""
        entry = self._entries(agent).get(call.name)
        if entry is None or _standing(entry, agent) != "ask":
            return ""
        wrong = call.wrong or fault(call.arguments, entry.tool.schema)
        return "" if wrong else entry.rule

    async def run(
        self,
        name: str,
        agent: Mapping[str, Any],
        call: ToolCall,
        session: str,
        *,
        agreed: bool = False,
    ) -> Used:
        """Run it. `agreed`: a person said yes to what `question` named."""
        entry = self._entries(agent).get(call.name)
        if entry is None:
            why = _unknown(call.name, self._entries(agent))
            return self.refuse(name, call, why, rule=self._withheld(call.name, agent))
        # First: `question` names nothing for a call that would not be run whatever a person says.
        if wrong := call.wrong or fault(call.arguments, entry.tool.schema):
            return self.refuse(name, call, wrong, rule=f"{entry.rule}: bad arguments")
        if _standing(entry, agent) == "ask" and not agreed:
            why = f"{entry.rule} needs a person to agree, and nobody is there to be asked"
            return self.refuse(name, call, why, rule=entry.rule)
        arguments = whole(call.arguments)
        try:
            async with asyncio.timeout(entry.seconds):
                ask = self._unfit if entry.rule == FORGE else None
                if ask is not None and (why := await ask(name, session, arguments)):
                    return self.refuse(name, call, why, rule=FORGE)
                result, failed = await entry.do(name, arguments), False
        except P42Error as error:
            result, failed = f"failed: {error}", True
        except TimeoutError:
            result, failed = f"failed: not done within {entry.seconds:g} s", True
        self._note(name, "ToolFailed" if failed else "ToolUsed", entry.rule, warning=failed)
        return Used(call, bounded(self._clean(result)) or "(nothing)")

    def refuse(self, name: str, call: ToolCall, why: str, *, rule: str = "") -> Used:
        """A call that is not run, and why. `rule` is what the journal says."""
        self._note(name, "ToolRefused", rule or NOT_THERE, warning=True)
        return Used(call, bounded(f"refused: {why}"), refused=True)

    def _entries(self, agent: Mapping[str, Any]) -> dict[str, _Entry]:
        return {entry.tool.name: entry for entry in self._permitted(agent)[:MOST]}

    def _withheld(self, called: str, agent: Mapping[str, Any]) -> str:
        """For the journal: why what an agent called by that name is not offered to it."""
        rule = next((each.rule for each in self._every(agent) if each.tool.name == called), "")
        if not rule:
            return NOT_THERE
        if verdict(rule, agent) != "deny":
            return f"{rule}: left out, one of those over {MOST}"
        pattern = decisive(rule, agent)
        return f"{rule}: denied by {pattern}" if pattern else f"{rule}: denied, no rule names it"

    def _permitted(self, agent: Mapping[str, Any]) -> Sequence[_Entry]:
        """All that is not denied."""
        return [entry for entry in self._every(agent) if _standing(entry, agent) != "deny"]

    def _every(self, agent: Mapping[str, Any]) -> Sequence[_Entry]:
        """All there is, in the order of what is offered first."""
        if self._bench is None or self._world is None or not has_tools(agent):
            return ()
        every = [
            *(_look(look) for look in self._bench.looks()),
            *self._served(_integrations(agent)),
            *(self._command(self._world, each) for each in self._bench.commands()),
        ]
        if agent.get("forge"):
            every.insert(0, _Entry(FORGE, FORGE_TOOL, _noted))
        return every

    def _command(self, world: World, declared: Declared) -> _Entry:
        rule, bounds = f"command/{declared.name}", self._bounds
        about = declared.description.strip() or "A command of this machine's owner."
        text = f"{about[:DESCRIPTION]} Runs in a sandbox, in an empty directory of its own."

        async def do(_: str, arguments: Mapping[str, Any]) -> str:
            return await call_command(world, declared, arguments, bounds=bounds, clean=self._clean)

        seconds = bounds.seconds + bounds.grace  # the program is ended first, and is heard out
        return _Entry(rule, Tool(wire_name(rule), text, SCHEMA), do, seconds)

    def _served(self, named: Sequence[str]) -> Sequence[_Entry]:
        if self._servers is None:
            return ()
        return [_one_served(self._servers, tool) for tool in self._servers.tools(named)]

    def _note(self, name: str, reason: str, what: str, *, warning: bool) -> None:
        if self._world is not None:
            journal: Journal = self._world.journal
            journal.note(agent_ref(name), reason, what, warning=warning)


def _standing(entry: _Entry, agent: Mapping[str, Any]) -> Verdict:
    if entry.rule == FORGE:
        return "allow"  # it is in the entries of agents that may
    return verdict(entry.rule, agent)


def _integrations(agent: Mapping[str, Any]) -> Sequence[str]:
    return tuple(agent.get("tools") or ())


def _one_served(servers: Servers, tool: Served) -> _Entry:
    rule = f"integration/{tool.integration}/{tool.name}"

    async def do(_: str, arguments: Mapping[str, Any]) -> str:
        return await servers.call(tool.integration, tool.name, arguments)

    about = tool.description.strip() or f"A tool of {tool.integration}."
    return _Entry(rule, Tool(wire_name(rule), about[:DESCRIPTION], tool.schema), do, SERVED)


async def _noted(_agent: str, _arguments: Mapping[str, Any]) -> str:
    """Who hears the reply makes the manifest: of one reply one command, whatever way it came."""
    return NOTED


def _look(look: Look) -> _Entry:
    rule = f"p42.{look.verb}"

    async def do(agent: str, arguments: Mapping[str, Any]) -> str:
        return orjson.dumps(await look.ask(agent, arguments)).decode()

    return _Entry(rule, Tool(wire_name(rule), look.description[:DESCRIPTION], look.schema), do)


def _unknown(name: str, entries: Mapping[str, _Entry]) -> str:
    """With those whose names are nearest: each more is paid for with every further message."""
    near = difflib.get_close_matches(name[:LONGEST], entries, NEAREST, cutoff=0.0)
    more = f", and {len(entries) - len(near)} more" if len(entries) > len(near) else ""
    return f"there is no tool {name[:80]!r}; there is: {', '.join(near) or 'none'}{more}"
