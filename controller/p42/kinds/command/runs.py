"""Runs: what a command is when it runs: its bytes, their interpreter, tests and reach. Pure."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache

from p42.kinds.command.forge import forge, source_of
from p42.kinds.command.language import Spoken, spoken
from p42.kinds.command.pinned import Same, meant
from p42.kinds.command.seen import Seen
from p42.kinds.command.spec import Command
from p42.model.kind import Want

_RUN_SO = b"\n--- run so, by p42:\n"


@lru_cache(maxsize=4096)  # every look asks for the same bytes again
def _forge(name: str, same: Same, source: bytes) -> bytes:
    return forge(name, same.spec, source)


def forged(want: Want[Command]) -> bytes | None:
    """The bytes that have to stand at the path; None for a prompt that has to be forged first."""
    real = meant(want)
    source = source_of(real.spec, real.files) if real is not None else None
    if real is None or source is None:
        return None
    return _forge(want.ref.name, Same(real.spec), source)


def told(want: Want[Command]) -> Spoken:
    """Language and interpreter."""
    spec = (meant(want) or want).spec
    return spoken(spec, source_of(spec, want.files) or b"")


def executes(want: Want[Command]) -> bytes:
    """What trust is about: the bytes that run (the shebang with them), the tests that run them,
    and what they may reach. Lines of JSON behind a line of our own, for a person to read.

    Nothing for a prompt without a script: asking a model runs nothing.
    """
    real, data = meant(want), forged(want)
    if real is None or data is None:
        return b""
    spec = real.spec
    return _run_so(spec, data)


def stands(want: Want[Command], seen: Seen) -> bytes:
    """What is run now by who calls it, as `executes` tells it: what is at its path, if it is ours.

    While a prompt is forged that is the version before, whatever the manifest says by now.
    """
    if seen.form != "file" or not seen.ours:
        return b""
    return _run_so((meant(want) or want).spec, seen.data)


def _run_so(spec: Command, data: bytes) -> bytes:
    lines = [json.dumps({"test": test.model_dump(mode="json")}) for test in spec.tests]
    if spec.sandbox is not None:
        lines.append(json.dumps({"sandbox": spec.sandbox.model_dump(mode="json")}))
    # The last such line is always ours, so no script can say for itself what it may reach.
    if not lines and _RUN_SO not in data:
        return data
    return data + _RUN_SO + "\n".join(lines).encode()


def work_of(want: Want[Command]) -> str:
    """The id of the test run for these bytes and tests; "" when there is nothing to run."""
    real = meant(want)
    if real is None or not real.spec.tests:
        return ""
    return "tests-" + hashlib.sha256(executes(want)).hexdigest()[:24]
