"""End: all of a stopped home and its manifests that two runs may be compared by."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tests.e2e.robust.box import Box

LIVE = ("created", "generation", "since", "endpoint", "pid", "port", "path", "restarts")
KEPT_OPEN = ("state.db", "sessions.db", "logs", "run/keeper")  # compared by content, or not at all


def end_of(box: Box, objects: dict[str, Any] | None = None) -> dict[str, Any]:
    """Commands with bytes and modes, ledger and registry, files by name, statuses as written."""
    return {
        "objects": [bare(each) for each in (objects or {"items": []})["items"]],
        "commands": commands(box.home),
        "rows": rows(box),
        "home": names(box.home),
        "manifests": written(box),
    }


def bare(thing: dict[str, Any]) -> dict[str, Any]:
    """An object without what is true of one run only."""
    status = {k: v for k, v in thing["status"].items() if k not in LIVE}
    for condition in status["conditions"]:
        condition.pop("lastTransitionTime", None)
    return {**thing, "status": status}


def commands(home: Path) -> dict[str, tuple[int, bytes]]:
    return {p.name: (p.stat().st_mode & 0o7777, p.read_bytes())
            for p in sorted((home / "commands").glob("*")) if p.is_file()}  # fmt: skip


def rows(box: Box) -> dict[str, Any]:
    """Names in the ledger, what is registered, and what is followed."""
    with sqlite3.connect(f"file:{box.home / 'state.db'}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = {
            "ledger": sorted(db.execute("SELECT kind, name FROM ledger")),
            "registry": sorted(db.execute("SELECT kind, name, digest, facts FROM registry")),
            "sources": len(list(db.execute("SELECT path FROM sources"))),
        }
    db.close()
    return found


def names(home: Path) -> dict[str, bool]:
    """Every file there is, so that nothing half done and nothing doubled goes unseen."""
    found = [str(p.relative_to(home)) for p in home.rglob("*") if not p.is_dir()]
    kept = [name for name in found if not name.startswith(KEPT_OPEN)]
    return {name: True for name in kept if not name.endswith((".lock", ".log"))}


def written(box: Box) -> dict[str, str]:
    """All files beside the manifests, the statuses in them or in sidecars included."""
    return {
        str(p.relative_to(box.manifests)): p.read_text().replace(str(box.root), "ROOT")
        for p in sorted(box.manifests.rglob("*"))
        if p.is_file() and not (p.parent.name == ".p42" and p.name in ("lock", ".gitignore"))
    }


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Each place at which two ends differ, for a message that can be read."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [d for k in keys for d in differences(one.get(k), other.get(k), f"{where}/{k}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [d for n, (a, b) in pairs for d in differences(a, b, f"{where}/{n}")]
    return [] if one == other else [f"{where}: {one!r} != {other!r}"]
