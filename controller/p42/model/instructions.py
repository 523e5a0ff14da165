"""Instructions: AGENTS.md: what a project tells every agent that works on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

NAMES = ("AGENTS.md", "CLAUDE.md")  # the first that is there

Instructions = Callable[[str], Awaitable[str]]  # of a directory; Blocked where there are none


def told(name: str, directory: str, text: str) -> str:
    """The system text that an agent is given of it."""
    return f"What {name} of the project in {directory} says:\n\n{text}"


def none_in(directory: str) -> str:
    """One sentence, the same wherever it is noticed."""
    return f"projectPath: {directory} has no {' or '.join(NAMES)}; write one, or take the field out"
