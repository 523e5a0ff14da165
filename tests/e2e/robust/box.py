"""Box: one user on one machine: a home, a directory of manifests, the real daemon, the real p42.

The daemon is a child of the test (`p42 serve`), so that it can be stopped dead, killed and waited
for. Its words go to a file: a pipe that nobody reads would hold it up.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from p42.client import link
from p42.model.errors import P42Error

PATIENCE = 40.0  # s; a condition that has not come by then, on a busy machine, will not come
P42 = (sys.executable, "-P", "-m", "p42")


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Box:
    """`root` is short enough for a socket's path; nothing outside of it is touched."""

    def __init__(self, root: Path) -> None:
        self.root, self.home, self.manifests = root, root / "h", root / "m"
        self.manifests.mkdir(parents=True)
        (root / "me").mkdir()
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("P42_")},
            "P42_HOME": str(self.home),
            "P42_GATEWAY_PORT": "0", "P42_HTTP_PORT": "0", "P42_PROJECTS_PORT_BASE": "0",
            "HOME": str(root / "me"),
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.first: dict[str, Any] = {}  # traces as a fixture left them
        self.before: Sequence[str] = ()  # a program to start the daemon through (prlimit, ...)

    def __call__(
        self, *argv: str, stdin: str = "", timeout: float = 60.0, before: Sequence[str] = ()
    ) -> Said:
        """Run `p42 ARGV...` to its end, through the program `before`."""
        done = subprocess.run(
            [*before, *P42, *argv], input=stdin.encode(), capture_output=True, timeout=timeout,
            env=self.env, cwd=self.root, check=False,
        )  # fmt: skip
        said = Said(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in said.err, said.err
        return said

    def spawn(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        """Start `p42 serve` and do not wait for it."""
        with (self.root / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.before, *P42, "serve", *arguments], env={**self.env, **(env or {})},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.root,
            )  # fmt: skip

    def serve(self, *arguments: str, env: Mapping[str, str] | None = None) -> Box:
        """Start `p42 serve` and wait until it answers."""
        self.spawn(*arguments, env=env)
        self.until(self.is_up, "the daemon answers")
        return self

    def apply(self) -> Box:
        """Start, follow the manifests, and wait until all is settled."""
        self.serve()
        self.ask("apply", paths=[str(self.manifests)])
        return self

    def is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the daemon ended:\n{self.log()}"
        return link.is_up(str(self.home))

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """As a power cut, for this process."""
        self.send(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(PATIENCE)

    def stop(self) -> float:
        """Ask it to stop; seconds until it had."""
        began = time.monotonic()
        self.send(signal.SIGTERM)
        assert self.process is not None
        assert self.process.wait(PATIENCE) == 0, self.log()
        return time.monotonic() - began

    def restart(self, *, dead: bool = False) -> Box:
        """Stop, or kill, and start again."""
        self.kill() if dead else self.stop()
        return self.serve()

    def close(self) -> None:
        """End whatever there is of this box."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for process in self.processes():
            process.kill()

    def ask(self, verb: str, **payload: Any) -> dict[str, Any]:
        return link.ask(str(self.home), verb, payload, timeout=PATIENCE)

    def log(self) -> str:
        path = self.root / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def until(self, holds: Callable[[], object], what: str, seconds: float = PATIENCE) -> float:
        """Wait for a condition; seconds it took. An answer that cannot be had is a no."""
        began = time.monotonic()
        while True:
            try:
                if holds():
                    return time.monotonic() - began
            except P42Error as error:
                what = f"{what} ({error})" if str(error) not in what else what
            if time.monotonic() - began > seconds:
                raise AssertionError(f"never, in {seconds} s: {what}\n{self.state()}")
            time.sleep(0.01)

    def state(self) -> str:
        """For the message of a failed test."""
        try:
            told = json.dumps(self.ask("overview"), indent=1)
        except P42Error as error:
            told = str(error)
        return f"{told[:2000]}\n{self.log()[-2000:]}"

    def overview(self) -> dict[str, Any]:
        return self.ask("overview")

    def item(self, name: str) -> dict[str, Any]:
        """The row of one name in `get status`; {} if there is none."""
        return next((i for i in self.overview()["items"] if i["name"] == name), {})

    def settled(self, *names: str, seconds: float = PATIENCE) -> None:
        """Until all is in sync, and exactly `names` are declared where any are given."""

        def holds() -> bool:
            now = self.overview()
            there = sorted(item["name"] for item in now["items"])
            return now["inSync"] and (not names or there == sorted(names))

        self.until(holds, f"in sync {names}", seconds)

    def forged(self, name: str) -> Path:
        return self.home / "commands" / name

    def runs(self, name: str) -> str:
        """What a forged command prints; "" if there is none to run."""
        try:
            return subprocess.run([self.forged(name)], capture_output=True, text=True).stdout
        except OSError:
            return ""

    def acts(self) -> list[tuple[str, str]]:
        """(name, step) of all that was done since this daemon's database began, kills apart: a
        killed daemon loses its last quarter of a second of events. See `traces`."""
        events = self.ask("events", limit=1000)["items"]
        return [(e.get("name", ""), e["reason"]) for e in events for _ in range(e["count"])]

    def traces(self) -> dict[str, Any]:
        """What changes when a thing is made anew: inodes of commands, births of all names."""
        born = self.ask("get", kind="all")["items"]
        inodes = {p.name: p.stat().st_ino for p in sorted(self.forged("").glob("[a-z]*"))}
        return inodes | {
            f"{item['kind']}/{item['metadata']['name']}": item["status"]["created"] for item in born
        }

    def processes(self) -> list[psutil.Process]:
        """All processes of this home, but ourselves.

        The daemon and what it runs have the home in their environment; the keeper and its
        children have no environment to speak of, and the home among their words.
        """
        mine = []
        for process in psutil.process_iter():
            try:
                named = process.environ().get("P42_HOME") == str(self.home)
                if named or any(str(self.home) in word for word in process.cmdline()):
                    mine.append(process)
            except psutil.Error:
                continue
        return [p for p in mine if p.pid != os.getpid() and p.status() != psutil.STATUS_ZOMBIE]

    def ends(self, seconds: float = 10.0) -> None:
        """Until no process of this home is left: a stop is clean within ten seconds."""
        self.until(lambda: self.processes() == [], "no process is left", seconds)
