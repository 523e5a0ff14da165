"""Whom: who would answer what is said: of an agent, and of a conversation that somebody names."""

from __future__ import annotations

from p42.ai.talk.persona import Persona, is_orphan, plain
from p42.api.asking import asks
from p42.api.minds import must_answer
from p42.api.shapes import Json
from p42.api.talks import MOST, card
from p42.model.ports import World

NAMED = 3  # sessions named to who gives the beginning of an id


@asks
class Meant:
    """An agent, and the id of a session, "" = a new one."""

    agent: str = ""
    session: str = ""


async def whom(world: World, request: Meant) -> Json:
    """`session` is that conversation, null where it would be a new one; `begins` are ids of others
    that begin like it. Raises as `say` for an agent that is not there."""
    must_answer(world, request.agent)
    found = await world.sessions.get(request.session) if request.session else None
    others: list[str] = []
    if found is None and request.session:
        all_ = await world.sessions.list(archived=True, limit=MOST)
        others = [each.id for each in all_ if each.id.startswith(request.session)]
    named = Persona(request.agent, {"agent": request.agent})  # `must_answer` has seen it declared
    kept = found is not None and not is_orphan(world.registry.get, found.agent, named)
    return {
        "agent": plain(found.agent if found is not None and kept else request.agent),
        "session": card(found, world.clock.now()) if found is not None else None,
        "begins": others[:NAMED],
    }
