"""Home: the one directory that holds everything p42 keeps for a user. Imports nothing heavy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def home(env: Mapping[str, str] = os.environ) -> Path:
    """`$P42_HOME`, else `~/.port42`; absolute, `~` expanded, not created, links kept."""
    named = env.get("P42_HOME") or "~/.port42"
    return Path(os.path.abspath(os.path.expanduser(named)))  # noqa: PTH100, PTH111 - pathlib resolves links or keeps `..`
