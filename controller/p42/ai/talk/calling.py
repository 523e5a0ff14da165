"""Calling: the tools a reply wants run, one after the other; each result becomes a turn.

A call that a person has to agree to is shown, and waits; where nobody is there, or nobody says a
word, it is refused and the conversation goes on. A call cut off in the middle leaves no turn: the
window tells the model so.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from p42.ai.talk.answering import Floor
from p42.ai.talk.persona import Persona
from p42.ai.talk.questions import SECONDS, Questions
from p42.ai.tools.arguments import fitted
from p42.model.completion import ToolCall
from p42.model.talk import Asked, Say, ToolBox, Used

MOST = 8  # calls of one reply that are run; the rest is refused, each with its result
TOO_MANY = f"a reply may call {MOST} tools, and this is one more"

NOBODY = "{tool} needs a person to agree, and nobody is there to be asked"
SILENCE = "{tool} needs a person to agree, and nobody answered"
NO = "a person said no to {tool}"


@dataclass(frozen=True, slots=True)
class Calling:
    """The calls of one message. `ends` in the clock's monotonic seconds."""

    floor: Floor
    tools: ToolBox
    questions: Questions
    say: Say
    who: Persona
    ends: float

    async def use(self, calls: Sequence[ToolCall]) -> AsyncGenerator[ToolCall | Asked | Used]:
        """Run them. Each is told before it is run, and after."""
        for number, wanted in enumerate(calls):
            call, why = fitted(wanted)
            yield call
            if number >= MOST:
                why, rule = TOO_MANY, f"{call.name}: one call too many"
                yield await self._keep(self.tools.refuse(self.who.name, call, why, rule=rule))
                continue
            # What is wrong with it goes along: who knows the tools says whether this is one.
            async with aclosing(self._one(replace(call, wrong=why))) as pieces:
                async for piece in pieces:
                    yield piece

    async def _one(self, call: ToolCall) -> AsyncGenerator[Asked | Used]:
        name, facts, session = self.who.name, self.who.facts, self.say.session
        tool = self.tools.question(name, facts, call, session)
        agreed = not tool or self.questions.agreed(session, tool)
        why = "" if agreed else NOBODY
        if not agreed and self.say.person:
            question = self.questions.put(session, tool, call)
            if question is not None:
                try:
                    yield Asked(question.id, tool, call)
                    left = self.ends - self.floor.clock.monotonic()
                    word = await self.questions.answer(question, min(SECONDS, max(0.0, left)))
                finally:
                    self.questions.drop(question)
                why = SILENCE if word is None else "" if word else NO
        if why:
            used = self.tools.refuse(name, call, why.format(tool=tool), rule=tool)
        else:
            used = await self.tools.run(name, facts, call, session, agreed=bool(tool))
        yield await self._keep(used)

    async def _keep(self, used: Used) -> Used:
        more = {"answers": used.call.id}
        await self.floor.add(self.say.session, "tool", used.result, more=more)
        return used
