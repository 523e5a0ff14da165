"""Safe git: how git is called in a work tree that may come from anybody, or that an agent writes.

A repository's own configuration names programs for git to run: hooks, a file system monitor, a
verifier of signatures, and, where an object is missing, the other end of a partial clone. None of
them is run: p42 asks questions that need none.
"""

from __future__ import annotations

from collections.abc import Mapping

GIT = (
    "git",
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "log.showSignature=false",
    "--no-optional-locks",
)  # fmt: skip
# A variable wins over the repository's `protocol.*.allow`; a `-c protocol.allow` would not.
GIT_ENVIRONMENT: Mapping[str, str] = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
