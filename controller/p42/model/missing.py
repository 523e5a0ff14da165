"""Missing: what to say of an agent's program that is not there."""

from __future__ import annotations

PACKAGES = {"claude": "@anthropic-ai/claude-code", "codex": "@openai/codex"}  # npm's


def missing(command: str) -> str:
    """One sentence, the same wherever it is noticed."""
    package = PACKAGES.get(command)
    how = f"npm install -g {package}" if package else "install it, or put it on p42's PATH"
    return f"{command}: no such program; {how}"
