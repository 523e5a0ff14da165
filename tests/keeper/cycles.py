"""Cycles: project CIs declared, woken and deleted by the thousand; what p42 holds stays the same.

Each batch has names that were never there before, so whatever is kept by name shows. Both ways out
are taken in turn: `delete -f` of the source, and files that are gone (`apply --prune`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from p42.client import link
from p42.model.errors import NoDaemon
from tests.keeper.chaos import declared
from tests.keeper.conftest import ping

PATIENCE = 120.0  # s for a batch; what takes longer is broken, not slow
WOKEN = 20  # every so many-th is spoken to before it is deleted
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """What daemon, keeper and zygote hold after so many cycles.

    Memory is USS in MiB: PSS would change with every other Python on the machine.
    """

    cycles: int
    processes: int  # below the keeper, itself included
    daemon_fds: int
    keeper_fds: int
    threads: int
    daemon_memory: float
    keeper_memory: float
    disk: float  # MiB in the home
    files: int  # in the home

    def line(self) -> str:
        """One row for the table."""
        return (
            f"  {self.cycles:>6} cycles: {self.processes} processes, fds {self.daemon_fds} +"
            f" {self.keeper_fds}, {self.threads} threads, USS {self.daemon_memory:.1f} +"
            f" {self.keeper_memory:.1f} MiB, home {self.disk:.1f} MiB in {self.files} files"
        )


class Cycles:
    """A home with a daemon of its own, in front. `close` ends it."""

    def __init__(self, root: Path) -> None:
        self.home, self._source = root / "home", root / "projects"
        self._source.mkdir(parents=True)
        self.done = 0
        env = {
            **os.environ, "P42_HOME": str(self.home), "P42_GATEWAY_PORT": "0",
            "P42_HTTP_PORT": "0", "P42_PROJECTS_PORT_BASE": "0",
        }  # fmt: skip
        argv = [sys.executable, "-m", "p42", "serve"]
        self._daemon = subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while not self._is_up():
            assert self._daemon.poll() is None, "the daemon ended"
            assert time.monotonic() < end
            time.sleep(0.02)

    def run(self, batches: int, size: int) -> Iterator[Sample]:
        """A sample after each batch."""
        for number in range(batches):
            self._batch(size, prune=number % 2 == 1)
            self.done += size
            yield self._sample()

    def close(self) -> None:
        """A clean stop."""
        self._daemon.terminate()
        self._daemon.wait(30)

    def _batch(self, size: int, *, prune: bool) -> None:
        names = [f"p{self.done + number}" for number in range(size)]
        for name in names:
            (self._source / f"{name}.json").write_text(declared(name))
        made = self._ask("apply", {"paths": [str(self._source)]})
        assert {row["result"] for row in made["results"]} == {"created"}
        assert {row["ready"] for row in made["results"]} == {"True"}
        self._talk(names[::WOKEN])
        for name in names:
            (self._source / f"{name}.json").unlink()
        if prune:
            gone = self._ask("apply", {"paths": [str(self._source)], "prune": True})
        else:
            gone = self._ask("delete", {"paths": [str(self._source)]})
        assert len(gone["results"]) == size
        self._until_nothing_is_declared()

    def _talk(self, names: list[str]) -> None:
        items = link.ask(str(self.home), "get", {"kind": "projectci"}, timeout=60)["items"]
        ends = {each["metadata"]["name"]: each["status"]["endpoint"] for each in items}
        for name in names:
            assert ping(int(ends[name].rpartition(":")[2]))["type"] == "pong"

    def _ask(self, verb: str, payload: dict[str, object]) -> dict[str, list[dict[str, str]]]:
        *_, last = link.stream(str(self.home), verb, payload, timeout=PATIENCE)
        data: dict[str, list[dict[str, str]]] = last["data"]
        return data

    def _until_nothing_is_declared(self) -> None:
        end = time.monotonic() + PATIENCE
        while link.ask(str(self.home), "top", {}, timeout=30)["items"] or self._others():
            assert time.monotonic() < end, "a child is left"
            time.sleep(0.05)

    def _others(self) -> list[psutil.Process]:
        """Children of the keeper but the zygote."""
        return [p for p in self._keeper().children(recursive=True) if p.name() != "p42-zygote"]

    def _keeper(self) -> psutil.Process:
        return psutil.Process(int((self.home / "run" / "keeper.lock").read_text()))

    def _sample(self) -> Sample:
        daemon, keeper = psutil.Process(self._daemon.pid), self._keeper()
        kept = [keeper, *keeper.children(recursive=True)]
        files = [path for path in self.home.rglob("*") if path.is_file()]
        return Sample(
            cycles=self.done, processes=len(kept), daemon_fds=daemon.num_fds(),
            keeper_fds=keeper.num_fds(), threads=daemon.num_threads(),
            daemon_memory=daemon.memory_full_info().uss / MIB,
            keeper_memory=sum(p.memory_full_info().uss for p in kept) / MIB,
            disk=sum(path.stat().st_size for path in files) / MIB, files=len(files),
        )  # fmt: skip

    def _is_up(self) -> bool:
        try:
            link.ask(str(self.home), "top", {}, timeout=5)
        except NoDaemon:
            return False
        return True
