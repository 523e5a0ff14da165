"""Forge ask: `/forge` in a conversation: the answer is a command's spec, bound to its shape.

    /forge                          the command that was spoken of
    /forge a command that ...       that one

What is wrong with an answer is said in the conversation, and it is asked for again, a few times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from p42.ai.answering import Answering
from p42.model.completion import Prompt, Tool
from p42.model.talk import Forged
from p42.scripts.examples import simply

WORD = "/forge"
TRIES = 4  # answers of one `/forge`; each is paid for
MOST_TOKENS = 4096  # of an answer; a long script. An agent's own limit is for talk
_TASK = """\
Now make the command that was asked for: one program for a developer's machine, run as it stands. \
Answer with one JSON object and nothing else. Its keys: name (a-z, 0-9 and -, and no program that \
exists already); description, a line; language, which is bash, python or node; dependencies, a \
list of the programs it calls that a machine may lack, often empty; and implementation, the code \
itself, complete. Do not describe it, do not ask back."""
_SHAPE: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "description": {"type": "string"},
        "language": {"type": "string", "enum": ["bash", "python", "node"]},
        "dependencies": {"type": "array", "items": {"type": "string"}},
        "implementation": {"type": "string"},  # last: what is cut off is then all that lacks
    },
    "required": ["name", "description", "language", "dependencies", "implementation"],
    "additionalProperties": False,
}
_WORDS = """\
Now make the command we spoke of. Answer with one fenced json block and nothing else: an object \
with name (a-z, 0-9 and -), description, implementation (the whole script), language (bash, python \
or node) and dependencies (a list of programs)."""
_AGAIN = "That cannot be used: "


def asks_for_command(text: str) -> bool:
    """Whether a message is `/forge`."""
    return text.split(maxsplit=1)[:1] == [WORD]


class ForgeAsk(Answering):
    """Answers `/forge`. `forged` is what came of the last answer."""

    request = ""  # what the command shall do, in the person's words
    tries = 0

    @property
    def _offered(self) -> tuple[Tool, ...]:
        return ()

    async def amend(self, forged: Sequence[Forged]) -> bool:
        """What came of the answer. Whether another one is to be asked for; then it was said why."""
        self.tries += 1
        wrong = next((each.problem for each in forged if not each.file), "")
        if not wrong or any(each.file for each in forged) or self.tries >= TRIES:
            return False
        text = f"{_AGAIN}{wrong}. Answer again, with the JSON object only."
        await self._floor.add(self.say.session, "user", text)
        return True

    async def _prompt(self) -> Prompt:
        prompt = await super()._prompt()
        self.request = self.request or await self._requested()
        return replace(
            prompt, system=f"{prompt.system}\n\n{_TASK}", shape=_SHAPE, tools=(),
            max_tokens=max(MOST_TOKENS, prompt.max_tokens),
            simple=simply(self.request, tries=self.tries),
        )  # fmt: skip

    async def _requested(self) -> str:
        """What `/forge` is followed by; else what the person said last before it."""
        turns = await self._floor.sessions.turns(self.say.session)
        said = (turn.content for turn in reversed(turns) if turn.role == "user")
        told = (text for text in said if not text.startswith(_AGAIN))
        wanted = (_rest(text) if asks_for_command(text) else text for text in told)
        return next((text for text in wanted if text.strip()), "a command")


def in_words(text: str) -> str:
    """A message for an agent that is a program: `/forge` means nothing to it, or something else."""
    return f"{_WORDS}\n{_rest(text)}".strip() if asks_for_command(text) else text


def fenced(text: str) -> str:
    """The answer to `/forge` as replies hold specs: in a fence."""
    bare = text.strip()
    return f"```json\n{bare}\n```" if bare.startswith("{") else text


def _rest(text: str) -> str:
    return text.strip().removeprefix(WORD).strip()
