"""A real daemon with an agent on a local server that speaks Anthropic's API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.doors.daemons import PATIENCE, Daemon, running
from tests.e2e.vendor import served
from tests.providers.vendors import AnthropicServer

KEY = "sk-ant-the-real-one-0123456789"
MODEL = "claude-sonnet-4-5"


def declared(directory: Path, url: str, process: dict[str, Any], **agent: Any) -> None:
    """An account that leads to `url`, and agent `coder`."""
    directory.mkdir(parents=True, exist_ok=True)
    key = directory.parent / "main.key"
    key.write_text(KEY)
    key.chmod(0o600)
    account = {"provider": "anthropic", "key": f"file:{key}", "baseUrl": url, "models": [MODEL],
               "default": True}  # fmt: skip
    coder = {"runtime": "process", "persona": "You are terse.", "process": process, **agent}
    for name, kind, spec in (("main", "Account", account), ("coder", "Agent", coder)):
        body = {"apiVersion": "p42.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        (directory / f"{name}.json").write_text(json.dumps(body))


@contextmanager
def started(home: Path, directory: Path, **env: str) -> Iterator[Daemon]:
    """The daemon, everything ready."""
    with running(home, P42_HTTP_PORT="0", **env) as daemon:
        daemon.ask("apply", paths=[str(directory)], timeout=PATIENCE)
        daemon.ask("wait", refs=["account/main", "agent/coder"], timeout=PATIENCE,
                   **{"for": "Ready"})  # fmt: skip
        yield daemon


def vendor(script: Any) -> Any:
    """The scripted server, within a `with`."""
    return served(AnthropicServer(script, key=KEY))
