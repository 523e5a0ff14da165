"""Pinned: what a command with a prompt really is: the version in its lock, as if it were written.

Only a lock that came in with the manifest counts (`want.files`): that is what trust and approval
looked at. One that was written a moment ago is not built from until it was read.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache

from pydantic import TypeAdapter

from p42.kinds.command.spec import Command, Test
from p42.model.kind import Claim, Want
from p42.scripts.lock import Lock, Tests, name_of, parse
from p42.scripts.notes import FORGED_BY
from p42.scripts.reply import Unfit

_TESTS = TypeAdapter(tuple[Test, ...])


def spelled(tests: tuple[Test, ...]) -> Tests:
    """`tests` as manifests spell them."""
    told = (test.model_dump(mode="json", by_alias=True, exclude_defaults=True) for test in tests)
    return tuple(told)


class Same:
    """A spec as a key: the engine makes one per change, so the same object is the same spec."""

    __slots__ = ("spec",)

    def __init__(self, spec: Command) -> None:
        self.spec = spec

    def __hash__(self) -> int:
        return id(self.spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.spec is self.spec


def meant(want: Want[Command]) -> Want[Command] | None:
    """`want` with the script its prompt was forged into; None where that has to be done first.

    A want without a prompt is what it is.
    """
    if want.spec.prompt is None:
        return want
    data = want.files.get(name_of(want.ref.name))
    spec = None if data is None else _spec(Same(want.spec), data)
    return None if spec is None else replace(want, spec=spec)


def locked(want: Want[Command]) -> Lock | None:
    """The lock that came with the manifest; None without one. Unfit for one nobody can read."""
    data = want.files.get(name_of(want.ref.name))
    return None if data is None else parse(data)


def claim(want: Want[Command]) -> Claim | None:
    """That a model made it: a lock is what it runs, or its manifest came out of a conversation.

    A lock may say what was agreed to.
    """
    if want.spec.prompt is None:
        return Claim("") if FORGED_BY in want.annotations else None
    if meant(want) is None:
        return None
    lock = locked(want)
    approved = lock.current.approved if lock is not None and lock.current is not None else ""
    return Claim(name_of(want.ref.name), approved)


def fits(spec: Command, data: bytes) -> bool:
    """Whether the lock of these bytes is for this prompt."""
    try:
        return parse(data).fits(spec.prompt or "", spec.language)
    except Unfit:
        return False


@lru_cache(maxsize=4096)  # the same object for the same lock: what is forged of it is cached by it
def _spec(same: Same, data: bytes) -> Command | None:
    spec = same.spec
    if not fits(spec, data):
        return None
    return _as_written(spec, parse(data))


def _as_written(spec: Command, lock: Lock) -> Command | None:
    """What the manifest says of tests counts; where it has none, those that came with the script.

    After a rollback those of that version do. None for one that no manifest could hold.
    """
    version = lock.current
    if version is None:
        return None
    try:
        tests = _TESTS.validate_json(json.dumps(lock.tests(spelled(spec.tests))))
    except ValueError:
        return None
    needed = tuple(dict.fromkeys((*spec.dependencies, *version.dependencies)))
    return spec.model_copy(update={
        "prompt": None, "source": version.source, "language": version.language,
        "dependencies": needed, "tests": tests,
    })  # fmt: skip
