"""Forge ask: `/forge` in a conversation: the answer is a command's spec, bound to its shape.

    /forge                          the command that was spoken of
    /forge a command that ...       that one
    /forge fix                      another version of the one whose tests failed

What is wrong with an answer is said in the conversation, and it is asked for again, a few times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from p42.ai.forge.fail import Failed, repair
from p42.ai.talk.answering import Answering
from p42.ai.talk.view import View
from p42.model.completion import Prompt, Tool
from p42.model.session import Turn
from p42.model.talk import Forged
from p42.scripts.examples import simply

WORD = "/forge"
FIX = "fix"  # alone behind it; who wants a command that fixes something says more
INTO = "--into"  # a word of the command line, which has taken it out where it counts
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
_REFUSED = "[p42] Of that answer no command was made: "


def asks_for_command(text: str) -> bool:
    """Whether a message is `/forge`."""
    return text.split(maxsplit=1)[:1] == [WORD]


def asks_for_repair(text: str) -> bool:
    """Whether a message is `/forge fix`."""
    return text.split() == [WORD, FIX]


def asks_for_spoken(text: str) -> bool:
    """Whether a message is `/forge` and no more."""
    return text.split() == [WORD]


def refused(forged: Sequence[Forged]) -> str:
    """What a conversation is told of what it did not make; "" = nothing was refused."""
    wrong = [f"{each.name}: {each.problem}" if each.name else each.problem
             for each in forged if not each.file]  # fmt: skip
    return f"{_REFUSED}{'; '.join(wrong)}" if wrong else ""


def left_over(turn: Turn) -> str:
    """What `refused` said, where that is the turn."""
    return turn.content if turn.role == "user" and turn.content.startswith(_REFUSED) else ""


def asks_for_directory(text: str) -> bool:
    """Whether a message is `/forge --into ...`: nobody chooses a directory by what they say."""
    word, *_ = [*_rest(text).split(maxsplit=1), ""]
    return asks_for_command(text) and word.partition("=")[0] == INTO


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

    @property
    def _most(self) -> int:
        return max(MOST_TOKENS, super()._most)

    async def _prompt(self, view: View) -> Prompt:
        prompt = await super()._prompt(view)
        self.request = self.request or await self._requested()
        told = (prompt.system, repair(self.mends) if self.mends else "", _TASK)
        return replace(
            prompt, system="\n\n".join(part for part in told if part), shape=_SHAPE, tools=(),
            simple=simply(self.request, tries=self.tries),
        )  # fmt: skip

    async def _requested(self) -> str:
        """What `/forge` is followed by; else what the person said last before it."""
        if self.mends is not None:
            return str(self.mends.spec.get("description") or self.mends.name)
        turns = await self._floor.sessions.turns(self.say.session)
        said = (turn.content for turn in reversed(turns) if turn.role == "user")
        told = (text for text in said if not text.startswith((_AGAIN, _REFUSED)))
        wanted = (_rest(text) if asks_for_command(text) else text for text in told)
        return next((text for text in wanted if text.strip()), "a command")


def in_words(text: str, failed: Failed | None = None) -> str:
    """A message for an agent that is a program: `/forge` means nothing to it, or something else."""
    if failed is not None:
        return f"{repair(failed)}\n{_WORDS}"
    return f"{_WORDS}\n{_rest(text)}".strip() if asks_for_command(text) else text


def fenced(text: str) -> str:
    """The answer to `/forge` as replies hold specs: in a fence."""
    bare = text.strip()
    return f"```json\n{bare}\n```" if bare.startswith("{") else text


def _rest(text: str) -> str:
    return text.strip().removeprefix(WORD).strip()
