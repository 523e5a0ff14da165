"""Checkout: this repository as somebody who has just cloned it has it, without a network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT, files


def checkout(target: Path) -> None:
    """Copy what git tracks, or would, to `target`; commit it there; lend it this `.venv`.

    A link, so that `make` finds everything installed: it installs again only when pyproject.toml
    is another one (`.ci/setup` compares contents).
    """
    target.mkdir(parents=True)
    for path in files():
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "All of it"]):
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        subprocess.run(["git", *identity, *words], cwd=target, check=True)
    # `.venv/` in .gitignore means a directory; this is a link.
    with (target / ".git/info/exclude").open("a", encoding="utf-8") as exclude:
        exclude.write("/.venv\n")
    (target / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)


def changes(target: Path) -> str:
    """What `git status` shows of a checkout: "" when nothing was written into it."""
    return subprocess.run(
        ["git", "status", "--porcelain"], cwd=target, capture_output=True, text=True, check=True
    ).stdout
