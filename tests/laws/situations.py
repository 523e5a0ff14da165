"""Situations: wants and what may be seen beside them, drawn from a kind's own schema and types."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any

from hypothesis import strategies as st
from pydantic import TypeAdapter

from p42.kinds import discover
from p42.kinds.command.runs import forged, work_of
from p42.kinds.command.seen import MODE
from p42.kinds.command.seen import Seen as CommandSeen
from p42.kinds.projectci.seen import ELSEWHERE
from p42.kinds.projectci.seen import Seen as SocketSeen
from p42.manifest.kindbook import KindEntry, entry, kind_folders
from p42.manifest.schemas import generate
from p42.model.completion import Health
from p42.model.kind import AnyKind, Want
from p42.model.plan import Instant, Outcome, Plan
from p42.model.ports import Registration
from p42.model.refs import Ref
from p42.model.sockets import Unit
from p42.scripts.language import Language
from p42.scripts.lock import Lock, Version, digest_of, name_of, render
from tests.laws.schemas import values

KINDS = discover()
NOW = Instant(1_800_000_000.0)
SCRIPTS = ("echo hi\n", "exit 3", "#!/bin/sh\ncat\n", "#!/usr/bin/env node\n", 'printf "%s" "é\\n"')
HEALTHS = tuple(
    Health(reason, "told by a vendor", "for the file")
    for reason in (
        "", "InProgress", "KeyRejected", "BudgetWarning", "BudgetExceeded", "RateLimited",
        "ProviderDown", "Blocked",
    )
)  # fmt: skip
SOURCES = (b"echo hi\n", b"#!/usr/bin/env python3\nprint(1)\n", b"", b"\xff\x00")


@cache
def entry_of(kind: str) -> KindEntry:
    """Schema and marks of a kind, generated from its spec as `make schemas` does."""
    found = {e.name: e for e in (entry(folder, generate(folder)) for folder in kind_folders())}
    return found[kind]


def typed(kind: AnyKind, raw: Mapping[str, Any]) -> Any:
    """The spec as the engine makes it."""
    return _adapter(kind.spec).validate_json(json.dumps(raw))


_adapter = cache(TypeAdapter)


def raw_specs(kind: AnyKind) -> st.SearchStrategy[dict[str, Any]]:
    """Specs as manifests may say them."""
    return _raw_specs(kind.name)


@cache
def _raw_specs(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    return values(entry_of(kind).schema)


@st.composite
def wants(draw: st.DrawFn, kind: AnyKind) -> Want[Any]:
    """A want with every file it names."""
    raw = draw(raw_specs(kind))
    if "source" in raw:  # it is really run: not just any text
        raw["source"] = draw(st.sampled_from(SCRIPTS))
    if isinstance(raw.get("port"), int | float):  # it is really bound: not just any port
        raw["port"] = 15_000 + (int(raw["port"]) * 31 + os.getpid()) % 15_000
    named = [raw[path[1]] for path in entry_of(kind.name).files if path[1] in raw]
    files = {name: draw(st.sampled_from(SOURCES)) for name in named}
    ref = Ref(kind.name, draw(st.sampled_from(["hello", "x-1"])))
    if "prompt" in raw and draw(st.booleans()):
        files[name_of(ref.name)] = draw(locks(ref.name, raw["prompt"]))
    return Want(
        ref,
        typed(kind, raw),
        annotations={"p42.dev/adopt": "true"} if draw(st.booleans()) else {},
        files=files,
    )


@st.composite
def locks(draw: st.DrawFn, name: str, prompt: str) -> bytes:
    """A lock: of this prompt or another, in any language, approved or not; or no lock at all."""
    digest = digest_of(draw(st.sampled_from([prompt, prompt, "another"])))
    approved = draw(st.sampled_from(["", "0" * 64]))
    written: list[tuple[str, Language]] = [("echo hi\n", "bash"), ("print(1)\n", "python")]
    script, language = draw(st.sampled_from(written))
    tests = draw(st.sampled_from([(), ({"expect": {"stdout": "hi"}},)]))
    version = Version(digest, script, language, "muse", "m-1", (), tests, approved)
    lock = Lock(version, (version,), again=draw(st.sampled_from(["", "", "once"])))
    return draw(st.sampled_from([render(name, lock), render(name, lock), b"<<<<<<< HEAD\n", b""]))


def seen_beside(kind: AnyKind, want: Want[Any]) -> st.SearchStrategy[Any]:
    """What a driver could report of `want`'s name, whatever happened there before."""
    return _SEEN.get(kind.name, _rows)(kind, want)


@st.composite
def _rows(draw: st.DrawFn, kind: AnyKind, want: Want[Any]) -> Any:
    """Registered kinds: no row, the right one, another one; keys and health in any state."""
    right = made(kind, want).row
    row = draw(st.sampled_from([None, right, Registration("0" * 16, {"was": "other"})]))
    state = st.sampled_from(["present", "missing", "locked"])
    keys = draw(st.dictionaries(st.sampled_from(["env:A", "file:/b"]), state, max_size=2))
    health = draw(st.sampled_from(HEALTHS)) if "models" in kind.uses else Health()
    return replace(kind.nothing, row=row, keys=keys, health=health)


@st.composite
def _paths(draw: st.DrawFn, kind: AnyKind, want: Want[Any]) -> CommandSeen:
    """Commands: the right bytes, older ones of ours, somebody's; anything else at the path."""
    older = f"#!/bin/sh\n# p42: Command/{want.ref.name} sha256:{'0' * 16}\n".encode()
    form = draw(st.sampled_from(["absent", "file", "directory", "link", "other"]))
    data = draw(st.sampled_from([forged(want) or b"", older, b"mine", b""]))
    data = data if form == "file" else b""
    work = work_of(want)
    trials = st.sampled_from(["unknown", "running", "passed", "failed"])
    trial = draw(trials) if work else "none"
    # Tests that were begun had what they need; whether it was taken away since, their end tells.
    missing = draw(st.sampled_from([(), (), ("jq",)])) if trial != "running" else ()
    return CommandSeen(
        form=form,
        mode=draw(st.sampled_from([MODE, 0o644, 0])) if form == "file" else 0,
        data=data,
        claimed=draw(st.booleans()),
        marked=b"# p42: Command/" in data or b"// p42: Command/" in data,
        rival=draw(st.sampled_from(["", "/usr/bin/hello"])),
        interpreter=draw(st.sampled_from(["", "", "node"])),
        missing=missing,
        installer=draw(st.booleans()) or not want.spec.dependencies,
        trial=trial,
        work=work,
        lock=draw(st.sampled_from([None, want.files.get(name_of(want.ref.name)), b"x: y"])),
        machine=draw(st.booleans()),
        approved=draw(st.booleans()),
        vouched=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def _sockets(draw: st.DrawFn, kind: AnyKind, want: Want[Any]) -> SocketSeen:
    """Project CIs: any lease, any declaration on any port, a child in any state, a squatter."""
    right = made(kind, want)
    lease = draw(st.sampled_from(["", right.lease, "auto", "14999"]))
    declared = draw(st.sampled_from(["", right.declared, "0" * 16, ELSEWHERE]))
    ended = st.sampled_from([0.0, NOW - 0.5, NOW - 3600.0])
    unit = Unit(
        port=draw(st.sampled_from([14999, right.port])),
        wish=declared,
        state=draw(st.sampled_from(["asleep", "starting", "awake", "paused"])),
        since=draw(ended),
        crashes=draw(st.sampled_from([0, 1, 3, 40])),
        exited_at=draw(ended),
        last_exit=draw(st.sampled_from([None, 1, -9])),
    )
    return SocketSeen(
        lease=lease,
        declared=declared if lease or not declared else ELSEWHERE,
        port=unit.port if lease else 0,
        unit=unit if declared else None,
        holder=draw(st.sampled_from(["", "nginx (pid 8)"])),
        idle=draw(st.sampled_from([0.0, 600.0])),
    )


_SEEN: Mapping[str, Callable[..., st.SearchStrategy[Any]]] = {
    "Command": _paths, "ProjectCI": _sockets,
}  # fmt: skip


def steps_of(kind: AnyKind, want: Want[Any] | None, seen: Any) -> Plan[Any]:
    """The plan."""
    return kind.plan(want, seen, NOW)


def after(kind: AnyKind, seen: Any, steps: Any) -> Any:
    """`seen` after `steps`, as the kind predicts."""
    for step in steps:
        seen = kind.predict(seen, step)
    return seen


def one_pass(kind: AnyKind, want: Want[Any] | None, seen: Any, *, ok: bool = True) -> Any:
    """What is there after one pass: all steps once, and once more where work had to end first."""
    seen = after(kind, seen, steps_of(kind, want, seen).steps)
    if steps_of(kind, want, seen).in_flight:
        seen = kind.finish(seen, Outcome(seen.work, ok, "" if ok else "test 1: no"))
        seen = after(kind, seen, steps_of(kind, want, seen).steps)
    return seen


def crashed(kind: AnyKind, seen: Any) -> Any:
    """`seen` by the next daemon: work that was running is as if it had never begun."""
    running = getattr(seen, "trial", "") == "running"
    return replace(seen, trial="unknown") if running else seen


def made(kind: AnyKind, want: Want[Any]) -> Any:
    """What is there once `want` was made real from nothing, with nothing in the way."""
    nothing = kind.nothing
    if isinstance(nothing, CommandSeen):
        work = work_of(want)
        nothing = replace(nothing, work=work, trial="unknown" if work else "none")
    return one_pass(kind, want, nothing)


def stable(kind: AnyKind, seen: Any) -> dict[str, Any]:
    """The fields of `seen` that reality may not show otherwise than predicted."""
    return {f.name: getattr(seen, f.name) for f in fields(seen) if f.name not in kind.volatile}
