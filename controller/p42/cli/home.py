"""Home: where p42 keeps its things, as text. The rule is config's; pathlib would cost 8 ms here."""

from __future__ import annotations

import os


def home() -> str:
    """`$P42_HOME`, else `~/.port42`; absolute, not created."""
    named = os.environ.get("P42_HOME") or "~/.port42"
    return os.path.abspath(os.path.expanduser(named))  # noqa: PTH100, PTH111


def at(*parts: str) -> str:
    """A path under the home."""
    return os.path.join(home(), *parts)  # noqa: PTH118
