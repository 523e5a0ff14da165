"""Typing in vim while the status of what is typed flips every second: nothing lost, nothing asked.

Real vim on a terminal, with its defaults, in a git work tree outside of /tmp, where vim would save
in another way; and the real daemon.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.editors import Terminal, terminal
from tests.e2e.scene import Scene

TYPING = 10.5  # s; the writer writes a file every 5 s at most, so that it would have come twice
FLIP = 1.0  # s
PATIENCE = 20.0  # s
FIRST = "    You write.\n"
AGENT = f"""\
# muse: a comment that stays
apiVersion: p42.dev/v1
kind: Agent
metadata:
  name: muse
spec:
  accountRef: here   # no key, no network
  tools: [hook]
  persona: |
{FIRST}    The end.
"""
ACCOUNT = """\
apiVersion: p42.dev/v1
kind: Account
metadata: {name: here}
spec: {provider: local}
"""
HOOK = """\
apiVersion: p42.dev/v1
kind: Integration
metadata: {name: hook}
spec: {type: webhook, config: {secret: "%s"}}
"""
# The file has changed since; is it to be written all the same; a swap file was found; an error.
ASKED = (b"W1", b"changed since", b"(y/n)", b"Press ENTER", b"E325", b"E13", b"E37")

pytestmark = pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")


@pytest.fixture
def scene() -> Iterator[Scene]:
    """A git work tree with an agent that needs an integration."""
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp", prefix="p42-vim-") as name,
        Scene(Path(name)) as scene,
    ):
        secret = scene.home / "secret"
        secret.touch(0o600)
        secret.write_text("no-secret\n")
        scene.sh("git init -q repo && cd repo && mkdir m")
        edited(scene).write_text(AGENT)
        edited(scene).with_name("account.yaml").write_text(ACCOUNT)
        flip(scene, good=True)
        answer = scene.sh("p42 apply -f m/")
        assert answer.code == 0, answer.output
        until(scene, "reason: Reconciled")
        scene.sh("git add -A && git commit -qm 'with status'")
        yield scene


def edited(scene: Scene) -> Path:
    """The manifest that is edited."""
    return scene.work / "repo/m/agent.yaml"


def flip(scene: Scene, *, good: bool) -> None:
    """What the agent needs has its secret, or lacks it: so the agent is Ready, or Waiting."""
    secret = f"file:{scene.home}/secret" if good else "env:NO_SUCH_VARIABLE_ANYWHERE"
    edited(scene).with_name("hook.yaml").write_text(HOOK % secret)


def until(scene: Scene, *words: str) -> None:
    """The file says all of that."""
    deadline = time.monotonic() + PATIENCE
    while not all(word in edited(scene).read_text() for word in words):
        assert time.monotonic() < deadline, edited(scene).read_text()
        time.sleep(0.1)  # another process writes; there is nothing to wait on but the file


def observed(scene: Scene) -> str:
    """The digest of the spec that was looked at, once the agent is ready."""
    assert scene.sh("p42 wait agent/muse --for Ready").code == 0
    return str(json.loads(scene.sh("p42 get agent/muse -o json").output)["status"]["observedSpec"])


class Typist:
    """Types a key every few moments, and has the status flip once a second."""

    def __init__(self, scene: Scene, vim: Terminal) -> None:
        self._scene, self._vim = scene, vim
        self._began = self._flipped = time.monotonic()
        self._good = True
        self.screen = b""

    def type(self, keys: str) -> None:
        for key in keys:
            self._vim.type(key.encode())
            self.screen += self._vim.painted(0.05)
            if time.monotonic() - self._flipped >= FLIP:
                self._flipped = time.monotonic()
                self._good = not self._good
                flip(self._scene, good=self._good)

    def save(self) -> None:
        before, deadline = len(self.screen), time.monotonic() + PATIENCE
        self.type(":w\r")
        while b"written" not in self.screen[before:]:
            assert time.monotonic() < deadline, self.screen[before:]
            self.screen += self._vim.painted(0.05)

    @property
    def spent(self) -> float:
        """Seconds since the first key."""
        return time.monotonic() - self._began


def test_nothing_is_lost_and_nothing_asks_while_the_status_flips(scene: Scene) -> None:
    path, lines = edited(scene), 0
    with terminal(["env", "-u", "TMPDIR", f"HOME={scene.home}", "vim", str(path)]) as vim:
        typist = Typist(scene, vim)
        typist.screen += vim.painted(0.5)  # what is typed before it has painted is thrown away
        typist.type("/You write\r")
        while typist.spent < TYPING:
            before = path.read_bytes()
            typist.type(f"oline {lines}, typed by hand\x1b")
            assert path.read_bytes() == before  # we leave it alone for as long as vim has it
            typist.save()
            lines += 1
        told = scene.sh("p42 describe agent/muse").output
        typist.type(":wq\r")
        assert vim.wait() == 0
    assert not [word for word in ASKED if word in typist.screen], typist.screen
    assert "Status in:  waiting: " in told
    assert told.count("agent/muse Waiting") >= 3, told
    flip(scene, good=True)
    typed = "".join(f"    line {number}, typed by hand\n" for number in range(lines))
    until(scene, f"observedSpec: {observed(scene)}\n", "reason: Reconciled")
    assert path.read_text().partition("status:")[0] == AGENT.replace(FIRST, FIRST + typed)
    left = {path.name for path in path.parent.iterdir()}
    assert left == {".p42", "account.yaml", "agent.yaml", "hook.yaml"}
