"""Unit: the file that tells the system to run p42 for this user, and the tool that obeys it."""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from p42.model.errors import P42Error

NAME = "p42.service"
KEEPER = "p42-keeper.service"
LABEL = "dev.p42.daemon"
TOOL_TIMEOUT = 30.0  # s; `enable --now` waits for the start


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd user unit, and the one beside it that it needs (`keeper`, its text)."""

    path: Path
    text: str
    keeper: str = ""

    def write(self) -> bool:
        """Put it in its place; False if it was there with the same text."""
        placed = [_placed(path, text) for path, text in self.files().items()]
        return any(placed)

    def files(self) -> dict[Path, str]:
        """Every file of it."""
        beside = {self.path.with_name(KEEPER): self.keeper} if self.keeper else {}
        return {**beside, self.path: self.text}

    def remove(self) -> None:
        """Take the files away."""
        for path in self.files():
            path.unlink(missing_ok=True)

    def must_be_possible(self) -> None:
        """P42Error where no user manager can be asked: in a container, over a bare ssh."""
        _must_answer("systemctl", "--user", "show-environment")

    def is_running(self) -> bool:
        """Whether the daemon that runs is this unit's."""
        return _call("systemctl", "--user", "is-active", "--quiet", NAME).returncode == 0

    def enable(self, *, is_new: bool) -> None:
        """Have it now and at every login; a changed unit is taken up by a restart."""
        _must("systemctl", "--user", "daemon-reload")
        _must("systemctl", "--user", "enable", NAME)
        _must("systemctl", "--user", "restart" if is_new else "start", NAME)

    def disable(self) -> None:
        """Stop it with all it keeps, and start it no more."""
        _must("systemctl", "--user", "disable", "--now", NAME)
        _must("systemctl", "--user", "stop", KEEPER)

    def forget(self) -> None:
        """The file is gone: tell systemd."""
        _call("systemctl", "--user", "daemon-reload")


@dataclass(frozen=True, slots=True)
class Agent(Unit):
    """A launchd agent (macOS)."""

    def must_be_possible(self) -> None:
        """P42Error where nobody is logged in at the screen: there is no domain then."""
        _must_answer("launchctl", "print", _domain())

    def is_running(self) -> bool:
        """Whether launchd runs it."""
        return _call("launchctl", "print", f"{_domain()}/{LABEL}").returncode == 0

    def enable(self, *, is_new: bool) -> None:
        """Have it now and at every login; a changed agent is loaded again."""
        if is_new:
            _call("launchctl", "bootout", f"{_domain()}/{LABEL}")
        if not self.is_running():
            _must("launchctl", "bootstrap", _domain(), str(self.path))

    def disable(self) -> None:
        """Stop it, and start it no more."""
        _must("launchctl", "bootout", f"{_domain()}/{LABEL}")

    def forget(self) -> None:
        """launchd keeps no list of files."""


def here(home: str) -> Unit:
    """The unit for this system and user, for the p42 that is asked."""
    if sys.platform == "darwin":
        path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        return Agent(path, launchd(home))
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = config / "systemd" / "user" / NAME
    return Unit(path, systemd(home), systemd_keeper(home))


def systemd(home: str) -> str:
    """The unit's text. It fails for good where only the user can help: 3 invalid, 64 usage."""
    argv = " ".join(_word(word, is_argument=True) for word in _argv())
    return f"""\
# Written by `p42 service install`; `p42 service uninstall` removes it.
# Restarting this unit leaves companions and their connections alone: they are the keeper's.
# To end them as well: systemctl --user stop {KEEPER} {NAME}
[Unit]
Description=p42 keeps what its manifests declare
Wants={KEEPER}
After={KEEPER}

[Service]
Type=exec
Environment={_word(f"P42_HOME={home}")}
Environment={_word(f"PATH={os.environ.get('PATH', os.defpath)}")}
ExecStart={argv}
Restart=on-failure
RestartSec=1
RestartPreventExitStatus=3 64
KillSignal=SIGUSR1
KillMode=process
TimeoutStopSec=15

[Install]
WantedBy=default.target
"""


def systemd_keeper(home: str) -> str:
    """The keeper's unit: it holds the sockets and the companions, whatever the daemon does."""
    from p42.config import load
    from p42.runtimes.keeping.start import command

    words = command(Path(home) / "run", load(Path(home)).keeper_grace, "front")
    argv = " ".join(_word(word, is_argument=True) for word in words)
    return f"""\
# Written by `p42 service install`; `p42 service uninstall` removes it.
[Unit]
Description=p42's sockets and companions

[Service]
Type=exec
Environment={_word(f"PATH={os.environ.get('PATH', os.defpath)}")}
ExecStart={argv}
Restart=on-failure
RestartSec=1
KillMode=mixed
TimeoutStopSec=15
"""


def launchd(home: str) -> str:
    """The agent's property list."""
    log = str(Path(home) / "logs" / "daemon.log")
    body = {
        "Label": LABEL,
        "ProgramArguments": _argv(),
        "EnvironmentVariables": {"P42_HOME": home, "PATH": os.environ.get("PATH", os.defpath)},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    return plistlib.dumps(body).decode()


def _argv() -> list[str]:
    return [sys.executable, "-P", "-m", "p42", "serve"]


def _placed(path: Path, text: str) -> bool:
    """Whether it had to be written."""
    if path.exists() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return True


def _word(text: str, *, is_argument: bool = False) -> str:
    """Quoted as systemd reads it (systemd.syntax(7)): `%` and, in a command line, `$` doubled."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", "\\n")
    return '"' + (text.replace("$", "$$") if is_argument else text) + '"'


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _must(*argv: str) -> None:
    done = _call(*argv)
    if done.returncode:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise P42Error(f"`{' '.join(argv)}` failed: {said}")


def _must_answer(*argv: str) -> None:
    try:
        _must(*argv)
    except P42Error as error:
        raise P42Error(
            f"nothing here starts programs at login, and nothing was changed: {error}\n"
            "  p42 start runs it until the machine stops."
        ) from None


def _call(*argv: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv, capture_output=True, text=True, timeout=TOOL_TIMEOUT, check=False
        )
    except FileNotFoundError:
        raise P42Error(
            f"{argv[0]} is not installed: run p42 by what starts things here: p42 start"
        ) from None
    except subprocess.TimeoutExpired:
        raise P42Error(f"`{' '.join(argv)}` did not end within {TOOL_TIMEOUT:g} s") from None
