"""The real model: its server by itself, and as the keeper's child under a LocalModel."""

from __future__ import annotations

import asyncio
import http.client
import importlib.util
import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from p42.localserver import gguf
from p42.model.plan import Instant
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.local.child import CONTEXT, command
from p42.runtimes.local.model import PACKAGES, LocalModel

MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
KEY = "a-key-of-the-tests"
PATIENCE = 60.0  # s until what has to come is called missing; both cores may be busy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker for all: each copy of the file is 241 MiB, each server wants every core."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("localmodel"))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's file, put together once. Skips where the extra is not installed."""
    if MISSING:
        pytest.skip(f"p42[local] is not installed here: {', '.join(MISSING)}")
    return gguf.whole(tmp_path_factory.mktemp("models"))


def with_model(home: Path, model: Path) -> Path:
    """A home that has it already: a second name, not a second copy."""
    (home / "models").mkdir(parents=True)
    os.link(model, home / "models" / model.name)
    return home


class Server:
    """The program itself, started by hand, and a blocking client."""

    def __init__(self, models: Path, **changed: Any) -> None:
        wish = {"key": KEY, "models": str(models), "slots": 2, "threads": 1, "context": CONTEXT}
        self.process = subprocess.Popen(
            command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            env={"PATH": os.defpath},
        )  # fmt: skip
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({**wish, **changed}).encode() + b"\n")
        self.report = json.loads(self.process.stdout.readline())

    @contextmanager
    def open(
        self, path: str, body: Any = None, **headers: str
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request; its answer, not yet read."""
        port = self.report["port"]
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as link:
            data = None if body is None else json.dumps(body)
            sent = {"Authorization": f"Bearer {KEY}", **headers}
            link.request("GET" if body is None else "POST", path, data, sent)
            with link.getresponse() as answer:
                yield answer

    def ask(self, body: Any, path: str = "/v1/chat/completions") -> Any:
        """One question, its whole answer."""
        with self.open(path, body) as answer:
            return json.loads(answer.read())

    def close(self) -> int:
        """End it as a daemon's death does; its exit code."""
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Server]:
    made = Server(model.parent)
    yield made
    made.close()


class HandClock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self._time = 1000.0
        self._moved = asyncio.Event()

    def now(self) -> Instant:
        return Instant(self._time)

    def monotonic(self) -> float:
        return self._time

    async def sleep(self, seconds: float) -> None:
        until = self._time + seconds
        while self._time < until:
            self._moved.clear()
            await self._moved.wait()

    def advance(self, seconds: float) -> None:
        self._time += seconds
        self._moved.set()


class Rig:
    """A LocalModel in a home of its own, with a real keeper."""

    def __init__(self, home: Path, **env: str) -> None:
        self.clock = HandClock()
        self.link = KeeperLink(home / "run", grace=20.0)
        known = {"PATH": os.defpath, "CI": "true", "OPENAI_API_KEY": "sk-not-for-children", **env}
        self.local = LocalModel(home, self.link, clock=self.clock, env=known)

    async def __aenter__(self) -> Rig:
        self._tasks = [asyncio.ensure_future(run()) for run in (self.link.run, self.local.run)]
        assert await self.link.ready(10)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.end()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def rig(tmp_path: Path, model: Path) -> AsyncIterator[Rig]:
    async with Rig(with_model(tmp_path / "home", model)) as made:
        yield made


async def until(true: Any, what: str) -> None:
    """Wait for a condition of another process."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not true():
                await asyncio.sleep(0.01)
    except TimeoutError as error:
        raise TimeoutError(what) from error
