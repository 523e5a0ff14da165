"""Dying: the real daemon in a forked process of its own, that is killed at a chosen effect.

A point is a moment before or after one call that changes the world: `Files.place h/commands/a #1
before`. Points have names, not numbers, so that the order in which eight workers get to them does
not matter. With `calls`, each system call that changes a file under the root is a point too.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import multiprocessing
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from p42.model.refs import Ref

# Whoever makes something real, or remembers that it did.
EFFECTS = (
    ("p42.runtimes.disk.files", "DiskFiles", ("place", "chmod", "remove", "set_aside")),
    ("p42.runtimes.keeping.units", "KeeperUnits", ("declare", "wake", "drop")),
    ("p42.stores.registry", "SqliteRegistry", ("put", "drop")),
    ("p42.stores.leases", "SqlitePortLeases", ("lease", "release")),
    ("p42.stores.works", "SqliteWorks", ("start", "_written")),
    ("p42.stores.ledger", "SqliteLedger", ("record", "erase", "follow", "forget")),
    ("p42.manifest.write.scribe", "Scribe", ("write",)),
)
CALLS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.symlink"}
DRAWN = re.compile(r"[0-9]+-[0-9]+\.part|[0-9a-f]{8,}|tmp\w{8}\b")

_fork = multiprocessing.get_context("forkserver")
_fork.set_forkserver_preload(
    ["p42.daemon.held", "p42.daemon.serving", "watchfiles", *(name for name, _, _ in EFFECTS)]
)


def start(root: Path, *, at: str = "", calls: bool = False) -> BaseProcess:
    """A daemon on `root`/h that dies at the point named `at`; its points go to `root`/points."""
    process = _fork.Process(target=_live, args=(root, at, calls))
    process.start()
    return process


def points(root: Path) -> list[str]:
    """All that were passed since the file was last taken away."""
    path = root / "points"
    return path.read_text().splitlines() if path.exists() else []


def _live(root: Path, at: str, calls: bool) -> None:
    for name in [name for name in os.environ if name.startswith("P42_")]:
        del os.environ[name]
    ports = {f"P42_{name}": "0" for name in ("GATEWAY_PORT", "HTTP_PORT", "PROJECTS_PORT_BASE")}
    os.environ.update(ports, P42_HOME=str(root / "h"))
    log = os.open(root / "serve.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    point = _Points(root, at)
    for module, name, methods in EFFECTS:
        kind = getattr(sys.modules[module], name)
        for method in methods:
            _wrap(kind, method, point)
    if calls:
        sys.addaudithook(point.audit)
    from p42.daemon import serve

    sys.exit(serve(root / "h"))


class _Points:
    def __init__(self, root: Path, at: str) -> None:
        self._root, self._at = str(root), at
        self._seen: Counter[str] = Counter()
        self._out = os.open(root / "points", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, name: str) -> None:
        self._seen[name] += 1
        full = f"{name} #{self._seen[name]}"
        os.write(self._out, f"{full}\n".encode())
        if full == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if not (isinstance(flags, int) and flags & (os.O_CREAT | os.O_TRUNC)):
                return
            args = (path,)
        elif event not in CALLS:
            return
        places = " ".join(self.short(str(a)) for a in args if isinstance(a, str | bytes))
        if "logs/" not in places and "points" not in places:
            self(f"{event} {places}")

    def short(self, text: str) -> str:
        return DRAWN.sub("*", text.replace(self._root, ""))


def _wrap(kind: type, method: str, point: _Points) -> None:
    inner: Callable[..., Any] = getattr(kind, method)

    def name(args: tuple[Any, ...]) -> str:
        subject = getattr(args[0], "ref", args[0]) if args else ""
        told = str(subject) if isinstance(subject, str | Path | Ref) else ""
        return f"{kind.__name__}.{method} {point.short(told)}"

    if inspect.iscoroutinefunction(inner):

        @functools.wraps(inner)
        async def patched(self: Any, *args: Any, **kwargs: Any) -> Any:
            point(f"before {name(args)}")
            result = await inner(self, *args, **kwargs)
            point(f"after {name(args)}")
            await asyncio.sleep(0)
            return result

    else:

        @functools.wraps(inner)
        def patched(self: Any, *args: Any, **kwargs: Any) -> Any:
            point(f"before {name(args)}")
            result = inner(self, *args, **kwargs)
            point(f"after {name(args)}")
            return result

    setattr(kind, method, patched)
