"""Checkout: this repository as somebody who has just cloned it has it, without a network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT, files

# What `git log` shows of the copy: enough for the poem of the README.
HISTORY = (
    ("manifests", "manifests: Declare what is wanted here"),
    ("controller", "engine: Keep what is there equal to it"),
    ("docs", "docs: Say what differs"),
    (".", "Prove all of it on a clean machine"),
)


def checkout(target: Path) -> None:
    """Copy what git tracks, or would, to `target`; commit it there; lend it our `.venv`."""
    target.mkdir(parents=True)
    for path in files():
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)
    _git(target, "init", "-q")
    for paths, message in HISTORY:
        _git(target, "add", "--all", "--", paths)
        _git(target, "commit", "-qm", message)
    _lend_environment(target)


def _git(target: Path, *words: str) -> None:
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", *identity, *words], cwd=target, check=True)


def _lend_environment(target: Path) -> None:
    """Links into this environment, marked as set up: `make` installs nothing, and never into it."""
    lent = target / ".venv"
    lent.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (lent / name).symlink_to(Path(sys.prefix) / name)
    stamp = subprocess.run(
        [target / ".ci/setup", "--stamp"], capture_output=True, check=True
    ).stdout
    (lent / ".installed").write_bytes(stamp)


def changes(target: Path) -> str:
    """What `git status` shows of a checkout: "" when nothing was written into it."""
    return subprocess.run(
        ["git", "status", "--porcelain"], cwd=target, capture_output=True, text=True, check=True
    ).stdout
