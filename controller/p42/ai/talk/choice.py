"""Choice: whose model answers: one chosen with the message, the one that the conversation keeps, or
the agent's own, as its manifest says now.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from p42.ai.talk.persona import Persona
from p42.model.errors import Refused, TooLong
from p42.model.session import Session
from p42.model.talk import OWN_MODEL, Say


@dataclass(frozen=True, slots=True)
class Choice:
    """`model` "" = the agent's own. `kept`: chosen earlier, in this conversation."""

    model: str
    kept: bool = False

    @contextmanager
    def told(self, who: Persona) -> Iterator[None]:
        """A vendor that refuses is told with the model it was asked for, and how to have another.

        It refuses a model that it has not as it refuses anything else that is wrong.
        """
        try:
            yield
        except TooLong:  # its remedy is another one
            raise
        except Refused as error:
            raise Refused(f"{error}; {self._cure(who)}") from None

    def _cure(self, who: Persona) -> str:
        own = str(who.facts.get("model") or "")
        if self.kept and self.model:
            return (
                f"this conversation keeps the model {self.model!r}: choose another with --model "
                f"NAME, or the agent's own with --model {OWN_MODEL}"
            )
        if self.model:
            return f"the model asked for was {self.model!r}: choose another with --model NAME"
        if own:
            return f"agent/{who.name} has `model: {own}`: say another in its manifest"
        return "the model was the account's first: choose another with --model NAME"


def chosen(say: Say, session: Session) -> Choice:
    """What `say` is to be answered by. A place's own agent keeps nothing that was chosen."""
    if say.model == OWN_MODEL:
        return Choice("")
    if say.model or say.declared:
        return Choice(say.model)
    return Choice(session.model, kept=True)
