"""Lock: `forged/NAME.lock.yaml` beside the manifest: what a prompt was forged into, once, for all.

Whoever has the file has the same bytes without a model. It changes when the prompt does, when a
person asks for another try or for the version before, and when the version was approved. The ones
that were in force before are kept in it, so git needs no history for a way back. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, cast, get_args

from p42.scripts.language import Language
from p42.scripts.reply import Unfit
from p42.scripts.yamltext import Unreadable, flow, literal, read, scalar

KEPT = 10  # earlier versions
LARGEST = 768 << 10  # bytes; what a manifest names is read up to 1 MiB
_SIGNED = 80  # bytes that an approval will need: to sign a version pushes none out
_HEAD = """\
# Forged by p42 from the prompt of Command/{name}. Commit it: others get the same bytes from it.
# To change the command, change the prompt; `p42 rollback command/{name}` goes back a version.
"""


Tests = tuple[Mapping[str, Any], ...]  # as manifests spell them, without what is left to default


@dataclass(frozen=True, slots=True)
class Version:
    """One forging. `tests` as manifests spell them, those that came with the script.

    `approved`: the sha256 agreed to, "" = none. `declared`: the manifest's own tests, which it had
    to pass; None = not known (older locks tell none).
    """

    prompt_digest: str
    source: str
    language: Language
    agent: str = ""
    model: str = ""
    dependencies: tuple[str, ...] = ()
    tests: Tests = ()
    approved: str = ""
    declared: Tests | None = None

    @property
    def title(self) -> str:
        """How a person tells it from the others in its lock, which has no dates."""
        by = f", by {self.model}" if self.model else ""
        return f"promptDigest {self.prompt_digest[:12]}{by}"


@dataclass(frozen=True, slots=True)
class Lock:
    """`earlier`: the latest first. `holds_for`: the digest of a prompt that `current` stands in for
    after a rollback; `holds_tests`: of a manifest's tests, in the place of which it has its own.
    `again`: a person asked for another try; any text that was not there before.
    """

    current: Version | None = None
    earlier: tuple[Version, ...] = field(default_factory=tuple)
    holds_for: str = ""
    again: str = ""
    holds_tests: str = ""

    def tests(self, declared: Tests) -> Tests:
        """What `current` has to pass where its manifest declares these.

        That is the manifest's word; but after a rollback, until it changes, it is what was passed.
        """
        if self.current is None:
            return declared
        kept = self.current.declared
        if kept is None or self.holds_tests != tests_digest(declared):
            kept = declared
        return kept or self.current.tests

    def fits(self, prompt: str, language: str | None) -> bool:
        """Whether `current` is what this prompt was forged into, or stands in for it."""
        if self.current is None or self.again:
            return False
        digest = digest_of(prompt)
        if digest == self.holds_for:
            return True
        return digest == self.current.prompt_digest and language in (None, self.current.language)


def name_of(name: str) -> str:
    """Where the lock of a command lies, relative to its manifest."""
    return f"forged/{name}.lock.yaml"


def digest_of(prompt: str) -> str:
    """`promptDigest`: sha256 in hex of the prompt's text."""
    return hashlib.sha256(prompt.encode()).hexdigest()


def tests_digest(tests: Tests) -> str:
    """sha256 in hex of a manifest's tests."""
    return digest_of(json.dumps(tests, sort_keys=True))


@lru_cache(maxsize=1024)  # every look asks for the same bytes again
def parse(data: bytes) -> Lock:
    """What a lock file says. Unfit if it is none."""
    try:
        value = read(data)
    except Unreadable as error:
        raise Unfit(str(error)) from None
    if value is None:
        return Lock()
    if not isinstance(value, dict):
        raise Unfit("it is no mapping")
    if not value.keys() & {"source", "again"}:
        raise Unfit("it has no source")
    earlier = value.get("versions") or []
    if not isinstance(earlier, list):
        raise Unfit("versions is no list")
    return Lock(
        _version(value) if "source" in value else None,
        tuple(_version(each) for each in earlier),
        _text(value, "holdsFor"), _text(value, "again"), _text(value, "holdsForTests"),
    )  # fmt: skip


def render(name: str, lock: Lock) -> bytes:
    """The bytes of the lock file. The oldest versions go where they would make it too large."""
    signed = lock.current is not None and lock.current.approved
    most = LARGEST if signed else LARGEST - _SIGNED
    while True:
        parts = [_HEAD.format(name=name)]
        parts += [f"{key}: {value}" for key, value in _top(lock)]
        if lock.earlier:
            parts.append("versions:\n")
            parts += [_item(version) for version in lock.earlier]
        data = "".join(parts).encode()
        if len(data) <= most or not lock.earlier:
            return data
        lock = replace(lock, earlier=lock.earlier[:-1])


def left_out(lock: Lock, data: bytes) -> int:
    """How many versions of `lock` found no place in `data`, its file."""
    return len(lock.earlier) - len(parse(data).earlier)


def same(one: Version, other: Version) -> bool:
    """Whether two versions are one script, whoever approved it and whatever it had to pass."""
    bare = replace(one, approved="", declared=None)
    return bare == replace(other, approved="", declared=None)


def pinned(lock: Lock | None, version: Version, *, ran: bool = True) -> Lock:
    """`version` on top of what was there. `ran`: whether what it replaces was ever in force.

    What never was is nothing to go back to, and goes. A version that was there before, of a prompt
    that is back, is there once, as it was agreed to.
    """
    if lock is None:
        return Lock(version)
    before = (lock.current,) if lock.current is not None else ()
    known = next((each for each in (*before, *lock.earlier) if same(each, version)), version)
    earlier = (*(before if ran else ()), *lock.earlier)
    return Lock(known, tuple(each for each in earlier if not same(each, version))[:KEPT])


def rolled_back(lock: Lock, prompt: str, language: str | None, tests: Tests = ()) -> Lock:
    """The version before, standing in for `prompt` until that changes, and for `tests`, those of
    the manifest, until they do. Unfit without one.

    Where the newest was forged from another prompt, or is to be forged again, that is the one.
    """
    current = lock.current
    if current is None:
        raise Unfit("nothing was forged yet")
    if not lock.fits(prompt, language):
        return _stand_in(Lock(current, lock.earlier), prompt, language, tests)
    if not lock.earlier:
        raise Unfit("no earlier version is kept in its lock")
    first, *rest = lock.earlier
    return _stand_in(Lock(first, (current, *rest)), prompt, language, tests)


def _stand_in(lock: Lock, prompt: str, language: str | None, tests: Tests) -> Lock:
    """`lock`, with what it takes for its current version to be as it was."""
    was = lock.current.declared if lock.current is not None else None
    return replace(
        lock, holds_for="" if lock.fits(prompt, language) else digest_of(prompt),
        holds_tests="" if was is None or was == tests else tests_digest(tests),
    )  # fmt: skip


def _top(lock: Lock) -> Iterator[tuple[str, str]]:
    if lock.again:
        yield "again", f"{scalar(lock.again)}\n"
    if lock.current is not None:
        yield from _fields(lock.current, 2)
    if lock.holds_for:
        yield "holdsFor", f"{scalar(lock.holds_for)}\n"
    if lock.holds_tests:
        yield "holdsForTests", f"{_digest(lock.holds_tests)}\n"


def _fields(version: Version, column: int) -> Iterator[tuple[str, str]]:
    """Keys and values, in the order of the contract. `column`: of the script's lines."""
    yield "promptDigest", f"{_digest(version.prompt_digest)}\n"
    yield "agent", f"{scalar(version.agent)}\n"
    yield "model", f"{scalar(version.model)}\n"
    yield "language", f"{scalar(version.language)}\n"
    yield "source", literal(version.source, column)
    yield "dependencies", f"{flow(list(version.dependencies))}\n"
    yield "tests", f"{flow(list(version.tests))}\n"
    if version.approved:
        yield "approved", f"{_digest(version.approved)}\n"
    if version.declared is not None:
        yield "declaredTests", f"{flow(list(version.declared))}\n"


def _item(version: Version) -> str:
    """A version in the list."""
    parts = [f"{key}: {value}" for key, value in _fields(version, 6)]
    return "  - " + "    ".join(parts)


def _digest(text: str) -> str:
    """Quoted: 64 digits of which none is a letter would be a number."""
    return flow(text)


def _version(value: Any) -> Version:
    if not isinstance(value, dict):
        raise Unfit("a version is no mapping")
    language, source = value.get("language", "bash"), _text(value, "source")
    if language not in get_args(Language):
        raise Unfit(f"language is none of {', '.join(get_args(Language))}")
    if not source.strip():
        raise Unfit("source is empty")
    dependencies = value.get("dependencies") or []
    if not (isinstance(dependencies, list) and all(isinstance(d, str) for d in dependencies)):
        raise Unfit("dependencies is no list of names")
    declared = _tests(value, "declaredTests") if "declaredTests" in value else None
    return Version(
        _text(value, "promptDigest"), source, cast(Language, language), _text(value, "agent"),
        _text(value, "model"), tuple(dependencies), _tests(value, "tests"),
        _text(value, "approved"), declared,
    )  # fmt: skip


def _tests(value: Mapping[str, Any], key: str) -> Tests:
    tests = value.get(key) or []
    if not (isinstance(tests, list) and all(isinstance(test, dict) for test in tests)):
        raise Unfit(f"{key} is no list of tests")
    return tuple(tests)


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Unfit(f"{key} is no text")
    return found
