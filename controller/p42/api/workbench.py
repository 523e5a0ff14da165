"""Workbench: what agents can be given to call: verbs that change nothing, declared commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from pydantic import TypeAdapter

from p42.ai.tools.bench import Declared, Look
from p42.api import asking
from p42.api.house import engine_of
from p42.api.verbs import VERBS, AnyVerb
from p42.engine.view import Row
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.verb import Last
from p42.wire.port42 import Request

MOST = 200  # of anything that is counted: events, lines, hits
# Fields an agent may fill, and what it is told of them. Not among them: what never ends (follow),
# paths, by which a model could have any file of the user's read to it, and what others said (the
# messages of a companion's log; who may see a session is for its rules to say).
FIELDS: Mapping[str, Mapping[str, str]] = {
    "get": {
        "kind": "A kind (Account, Agent, Command, Integration, ProjectCI), or all.",
        "names": "Only these; none = every one.", "selector": "By labels: a=b,c!=d.",
    },
    "describe": {"ref": "KIND/NAME, such as command/hello."},
    "events": {"ref": "KIND/NAME; left out, of everything.", "limit": "The last so many."},
    "logs": {"target": "KIND/NAME, or daemon.", "lines": "The last so many."},
    "tree": {"ref": "KIND/NAME; left out, from everything that nothing needs."},
    "diff": {},
    "overview": {},
    "session.search": {"words": "All of them; the last may be a beginning.", "limit": "So many."},
    "session.show": {"session": "Its id.", "last": "Only the last so many messages."},
}  # fmt: skip
MARKS = dict.fromkeys(map(ord, "\x02\x03"))  # around each hit, for a terminal to draw
OWN = ("session.search", "session.show")  # who calls them sees its own sessions
WITHHELD = {"describe": ("messages",)}  # parts of a reply: what others said
ALL = ".all"  # the same over everybody's


class Workbench:
    """`world` with engine and house."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._looks: Sequence[Look] = ()

    def looks(self) -> Sequence[Look]:
        """p42's own read-only verbs."""
        if not self._looks:  # made for the first agent: their schemas are a tenth of a start
            every = [(VERBS[name], name in OWN) for name in FIELDS]
            every += [(VERBS[name], False) for name in OWN]
            self._looks = tuple(_look(self._world, verb, own=own) for verb, own in every)
        return self._looks

    def commands(self) -> Sequence[Declared]:
        """The declared commands, sorted by name."""
        rows = engine_of(self._world).view().rows
        return [self._declared(ref, rows[ref]) for ref in sorted(rows) if ref.kind == "Command"]

    def _declared(self, ref: Ref, row: Row) -> Declared:
        spec = row.resource.spec
        sandbox = spec.get("sandbox") or {}
        return Declared(
            ref.name, self._world.home / "commands" / ref.name,
            description=str(spec.get("description") or ""), problem=_problem(row),
            read=tuple(sandbox.get("read", ())), write=tuple(sandbox.get("write", ())),
            network=bool(sandbox.get("network", False)),
        )  # fmt: skip


def _problem(row: Row) -> str:
    """Why what stands at its path may not be what is declared and approved; "" = it is."""
    if row.gone:
        return "its manifest is gone"
    if row.status.ready != "True" or row.drift:
        return f"{row.status.reason}: {row.status.text}".rstrip(": ")
    return ""


def _look(world: World, verb: AnyVerb, *, own: bool) -> Look:
    """`own`: what it shows is the asking agent's own."""
    schema = TypeAdapter(verb.takes).json_schema(by_alias=True)
    told = FIELDS[verb.name]
    fields = {name: _field(schema["properties"][name], told[name]) for name in told}
    whole = verb.name in OWN and not own
    whose = " (your own conversations)" if own else " (everybody's)" if whole else ""
    return Look(
        verb.name + (ALL if whole else ""), f"p42: {verb.summary}{whose}",
        {"type": "object", "properties": fields, "additionalProperties": False,
         "required": [name for name in schema.get("required", ()) if name in fields]},
        _asking(world, verb, own=own),
    )  # fmt: skip


def _field(schema: Mapping[str, Any], told: str) -> dict[str, Any]:
    field = {word: value for word, value in schema.items() if word != "title"}
    if field.get("type") == "integer":
        field |= {"minimum": 1, "maximum": MOST}
        if not 1 <= field.get("default", 1) <= MOST:  # "0 = all" is a person's; it is left out
            del field["default"]
    return {**field, "description": told}


def _asking(
    world: World, verb: AnyVerb, *, own: bool
) -> Callable[[str, Mapping[str, Any]], Awaitable[Any]]:
    async def ask(agent: str, arguments: Mapping[str, Any]) -> Any:
        payload = {name: arguments[name] for name in FIELDS[verb.name] if name in arguments}
        if own:
            payload["agent"] = agent
        reply = await answered(asking.read(verb, Request(verb.name, "tool", payload, given=True)))
        if verb.name == "session.search":
            for hit in reply["items"]:
                hit["excerpt"] = hit["excerpt"].translate(MARKS)
        withheld = WITHHELD.get(verb.name, ())
        return {k: v for k, v in reply.items() if k not in withheld} if withheld else reply

    async def answered(asked: Any) -> Any:
        if not verb.streams:
            return await verb.do(world, asked)  # type: ignore[misc]
        parts: Any = verb.do(world, asked)
        async with aclosing(parts):
            async for each in parts:
                if isinstance(each, Last):
                    return each.reply
        raise RuntimeError(f"verb {verb.name} ended without a Last")

    return ask
