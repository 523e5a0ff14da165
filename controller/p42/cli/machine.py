"""Machine: what can be checked without a daemon: settings, PATH, ports, kernel, keychain."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from p42.model.errors import P42Error

Check = dict[str, str]  # check, level (ok, note, problem), message, remedy

GATEWAY = 42
FEW_INSTANCES = 64  # inotify instances a user may have; every editor takes a few
LANGUAGES = {"bash": "bash", "python": "python3", "node": "node"}


def ok(check: str, message: str) -> Check:
    """As it should be."""
    return {"check": check, "level": "ok", "message": message, "remedy": ""}


def note(check: str, message: str, remedy: str) -> Check:
    """Works, and could be better."""
    return {"check": check, "level": "note", "message": message, "remedy": remedy}


def problem(check: str, message: str, remedy: str) -> Check:
    """Does not work."""
    return {"check": check, "level": "problem", "message": message, "remedy": remedy}


def checks(home: str) -> Iterator[Check]:
    """All of them, in a fixed order."""
    yield _versions()
    yield _platform()
    yield from _home(Path(home))
    yield _settings(Path(home))
    yield from _path(Path(home) / "commands")
    yield _gateway()
    yield from _project_ports(Path(home))
    yield from _inotify()
    yield _keychain()
    yield from _languages()


def _versions() -> Check:
    from p42 import __version__

    text = f"p42 {__version__}, Python {platform.python_version()}"
    if importlib.util.find_spec("jsonschema_rs") is None:
        return note("versions", f"{text}; without jsonschema-rs", "pip install jsonschema-rs")
    return ok("versions", text)


def _platform() -> Check:
    if sys.platform.startswith("linux"):
        return ok("system", f"Linux {platform.release()}")
    if sys.platform == "darwin":
        text = "macOS: no file leases and no adoption of processes"
        return note("system", text, "nothing to do; status is written when a file is quiet")
    return note("system", f"{sys.platform}: `validate` works, the daemon does not", "use WSL")


def _home(home: Path) -> Iterator[Check]:
    if not home.is_dir():
        yield note("home", f"{home} is not there", "p42 init")
    elif stat.S_IMODE(home.stat().st_mode) & 0o077:
        yield problem("home", f"{home} is open to others", f"chmod 700 {home}")
    elif not os.access(home, os.W_OK):
        yield problem("home", f"{home} cannot be written", "see who owns it: ls -ld " + str(home))


def _settings(home: Path) -> Check:
    from p42.config import load

    try:
        load(home)
    except P42Error as error:
        return problem("settings", str(error), "mend it where it stands, then p42 restart")
    file = home / "config.toml"
    return ok("settings", f"{file} holds" if file.exists() else "none in a file; see: p42 config")


def _path(commands: Path) -> Iterator[Check]:
    places = os.environ.get("PATH", "").split(os.pathsep)
    if str(commands) not in places:
        yield note("PATH", f"{commands} is not on PATH", "p42 init, then open a new shell")
        return
    yield ok("PATH", f"has {commands}")
    names = sorted(entry.name for entry in commands.iterdir()) if commands.is_dir() else []
    for name in names:
        first = shutil.which(name)
        if first and not first.startswith(f"{commands}{os.sep}"):
            text = f"typing {name} runs {first}, not the command of that name"
            yield note("PATH", text, "rename the command, or call it by its path")


def _gateway() -> Check:
    if not sys.platform.startswith("linux") or os.geteuid() == 0:
        return ok("port 42", "may be opened")
    first = _number("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if first is None or first <= GATEWAY:
        return ok("port 42", "may be opened without privilege")
    return note(
        "port 42", f"is closed to you (ports below {first} are root's); 4242 is used",
        "sudo sysctl -w net.ipv4.ip_unprivileged_port_start=42 "
        "(for good: in /etc/sysctl.d/42-p42.conf), then p42 restart",
    )  # fmt: skip


def _project_ports(home: Path) -> Iterator[Check]:
    """Ports in the ephemeral range can be any client's by the time a project wants them."""
    span = _text("/proc/sys/net/ipv4/ip_local_port_range").split()
    if len(span) != 2:
        return
    from p42.config import load

    try:
        settings = load(home)
    except P42Error:
        return
    first = settings.projects_port_base
    last = first + settings.projects_port_count - 1
    low, high = map(int, span)
    reserved = _ranges(_text("/proc/sys/net/ipv4/ip_local_reserved_ports"))
    if last < low or first > high or any(a <= first and last <= b for a, b in reserved):
        yield ok("ports", f"{first}-{last} are nobody else's")
        return
    setting = ",".join([*(f"{a}-{b}" for a, b in reserved), f"{first}-{last}"])
    yield note(
        "ports", f"{first}-{last} lie where the kernel draws client ports ({low}-{high})",
        f"sudo sysctl -w net.ipv4.ip_local_reserved_ports={setting}",
    )  # fmt: skip


def _inotify() -> Iterator[Check]:
    instances = _number("/proc/sys/fs/inotify/max_user_instances")
    if instances is not None and instances < FEW_INSTANCES:
        yield note(
            "inotify", f"only {instances} programs may watch files at once",
            "sudo sysctl -w fs.inotify.max_user_instances=512; until then p42 looks by itself, "
            "every 30 to 60 s",
        )  # fmt: skip


def _keychain() -> Check:
    from keyring import get_keyring
    from keyring.backends import fail, null

    backend = get_keyring()
    if isinstance(backend, fail.Keyring | null.Keyring):
        return note(
            "keychain", "this system offers none",
            "use env:NAME or file:PATH as key references, or install a Secret Service",
        )  # fmt: skip
    return ok("keychain", backend.name)


def _languages() -> Iterator[Check]:
    missing = [program for program in LANGUAGES.values() if shutil.which(program) is None]
    if missing:
        text = f"{', '.join(missing)} not installed: commands in that language are Blocked"
        yield note("languages", text, "p42 deps tells what is needed")
    else:
        yield ok("languages", "bash, python3 and node are there")


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found.append((int(first), int(last or first)))
    return found


def _number(path: str) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
