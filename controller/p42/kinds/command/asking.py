"""Asking: what a model is asked to forge a prompt into, and what of its answer is kept. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from pydantic import TypeAdapter, ValidationError

from p42.kinds.command.spec import Command, Test
from p42.model.completion import Message, Prompt
from p42.model.kind import Want
from p42.model.refs import Ref
from p42.scripts.draft import draft
from p42.scripts.examples import simply
from p42.scripts.language import Language
from p42.scripts.lock import Version, digest_of
from p42.scripts.reply import Unfit, blocks, loaded, shown

_TESTS = TypeAdapter(tuple[Test, ...])
_STRANGE = re.compile(r"[^\x21-\x7e]+")
MOST_TOKENS = 4096  # of an answer; a long script. An agent's own limit is for talk
# No example: a small model answers with the example.
_TASK = """\
You write one command-line program for a developer's machine. It is run as it stands: its \
arguments are the user's, it prints to standard output, and exits with 0 when all went well.
Answer with one JSON object and nothing else. Its keys: language, which is bash, python or node; \
dependencies, a list of the programs it calls that a machine may lack, often empty; and \
implementation, the code itself, complete. Do not describe it, do not ask back."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom, and what. `name` is the agent's, "" = nobody in particular."""

    name: str
    account: str | None
    prompt: Prompt
    language: Language | None

    @property
    def by(self) -> str:
        """Who is billed in the usage report; "" = a person's own."""
        return f"agent/{self.name}" if self.name else ""


class Failed(NamedTuple):
    """An answer that is not good enough, and why. `version`: None for one that is no command.

    `said`: that one's text. `tested`: it came to its tests, and failed one.
    """

    version: Version | None
    problem: str
    said: str = ""
    tested: bool = False


def asked(want: Want[Command], failed: Sequence[Failed] = ()) -> Asked:
    """The question that `want`'s prompt comes to, and what was answered before and `failed`.

    Unfit for an agent that is no model.
    """
    spec, name = want.spec, want.spec.agent_ref or ""
    facts = _agent(want)
    if facts.get("runtime", "model") != "model":
        raise Unfit(f"agent/{name} is no model, and only a model forges a prompt")
    persona = f"{facts['persona']}\n\n" if facts.get("persona") else ""
    return Asked(name, facts.get("accountRef"), Prompt(
        spec.model or facts.get("model") or "",
        (Message("user", _question(spec)), *_talk(failed)),
        persona + _TASK,
        max_tokens=max(MOST_TOKENS, int(facts.get("maxTokens") or 0)),
        temperature=facts.get("temperature"),
        shape=_shape(spec.language), simple=_simple(spec, tries=len(failed)),
    ), spec.language)  # fmt: skip


def work_of(want: Want[Command], again: str, failed: Sequence[Failed] = ()) -> str:
    """The id of this asking, made of all that the answer depends on. `again`: of the lock."""
    spec, facts = want.spec, _agent(want)
    told = {key: facts.get(key) for key in ("persona", "accountRef", "model", "temperature")}
    inputs: list[Any] = [_question(spec), spec.language, spec.agent_ref, spec.model, told, again]
    inputs += [
        [kept(each.version).decode() if each.version else each.said, each.problem]
        for each in failed
    ]
    text = json.dumps(inputs, sort_keys=True)
    return "forge-" + hashlib.sha256(text.encode()).hexdigest()[:24]


def answered(asked: Asked, spec: Command, text: str, model: str) -> Version:
    """The version that an answer is. Unfit says what is wrong with it."""
    made = draft(_given(text))
    try:
        _TESTS.validate_json(json.dumps(made.tests))
    except ValidationError as error:
        raise Unfit(f"its tests are none: {shown(error.errors()[0]['msg'])}") from None
    if asked.language is not None and made.language != asked.language:
        raise Unfit(f"it is {made.language}, and {asked.language} was asked for")
    called = _STRANGE.sub("-", model)[:200]  # the vendor's word, and it goes into a file
    return Version(
        digest_of(spec.prompt or ""), made.source, made.language, asked.name, called,
        made.dependencies, made.tests,
    )  # fmt: skip


def kept(version: Version) -> bytes:
    """`version` as the result of its work."""
    return json.dumps({
        "promptDigest": version.prompt_digest, "source": version.source,
        "language": version.language, "agent": version.agent, "model": version.model,
        "dependencies": list(version.dependencies), "tests": list(version.tests),
    }).encode()  # fmt: skip


def version_of(result: bytes) -> Version | None:
    """The version that a work came to; None for the result of a dry run."""
    if not result:
        return None
    told = json.loads(result)
    return Version(
        told["promptDigest"], told["source"], cast(Language, told["language"]), told["agent"],
        told["model"], tuple(told["dependencies"]), tuple(told["tests"]),
    )  # fmt: skip


def _talk(failed: Sequence[Failed]) -> Iterator[Message]:
    """What was answered so far, and what came of it."""
    for version, problem, said, _ in failed:
        if version is None:
            yield Message("assistant", said or "...")
            yield Message("user", (
                f"That cannot be used: {problem}. Answer again, with the JSON object only."
            ))  # fmt: skip
            continue
        yield Message("assistant", json.dumps({
            "language": version.language, "dependencies": list(version.dependencies),
            "implementation": version.source,
        }))  # fmt: skip
        yield Message("user", (
            f"That was tried, and it fails: {problem}. Mend it, and answer again with the whole "
            "JSON object only."
        ))  # fmt: skip


def _simple(spec: Command, *, tries: int) -> Prompt | None:
    """For the small model here, which does as the examples do: and those are shell scripts."""
    if spec.prompt is None or spec.language not in (None, "bash"):
        return None
    return simply(spec.prompt, tries=tries)


def _agent(want: Want[Command]) -> Mapping[str, Any]:
    """What the agent publishes; {} where none is named."""
    named = want.spec.agent_ref
    found = want.needs.get(Ref("Agent", named)) if named else None
    return found.facts if found is not None else {}


def _question(spec: Command) -> str:
    parts = [spec.prompt or ""]
    if spec.language is not None:
        parts.append(f"Write it in {spec.language}.")
    if spec.dependencies:
        parts.append(f"It may call: {', '.join(spec.dependencies)}.")
    if spec.tests:
        tests = [json.dumps(test.model_dump(mode="json", by_alias=True)) for test in spec.tests]
        parts.append("It has to pass these tests:\n" + "\n".join(tests))
    return "\n\n".join(parts)


def _shape(language: Language | None) -> Mapping[str, Any]:
    """What the answer's text has to be. The script last: what is cut off is then all that lacks."""
    return {
        "type": "object",
        "properties": {
            "language": {"type": "string",
                         "enum": [language] if language else ["bash", "python", "node"]},
            "dependencies": {"type": "array", "items": {"type": "string"}},
            "implementation": {"type": "string"},
        },
        "required": ["language", "dependencies", "implementation"],
        "additionalProperties": False,
    }  # fmt: skip


def _given(text: str) -> Mapping[str, Any]:
    """The JSON object, bare as it was asked for, or in a fence as models like it."""
    bare = text.strip()
    if bare.startswith("{"):
        return loaded(bare)
    found = next(blocks(text), None)
    if found is None:
        raise Unfit("it is no JSON object with language, dependencies and implementation")
    if found.problem:
        raise Unfit(found.problem)
    return found.spec
