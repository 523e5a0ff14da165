"""Obstacles: signs beside a file that somebody is at work on it, and a write would get in the way.

An editor's swap or lock file, unless the editor that left it is gone; git in the middle of
something; conflict markers. Each is waited out.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Container

# What git keeps while it is between two states; while bisecting, `git status` should stay clean.
_GIT_AT_WORK = {
    "index.lock": "git is at work", "rebase-merge": "a rebase is under way",
    "rebase-apply": "a rebase is under way", "MERGE_HEAD": "a merge is under way",
    "CHERRY_PICK_HEAD": "a cherry-pick is under way", "REVERT_HEAD": "a revert is under way",
    "BISECT_LOG": "a bisect is under way",
}  # fmt: skip
_TICK = 2 * 10**9  # ns; the coarsest clock of a file system, FAT's
_MARKERS = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
_MARKS = b"<" * 7, b">" * 7
# vim's block zero, which nano's lock files imitate: the process id at 24, the host at 68.
_SWAP_ID, _SWAP_PID, _SWAP_HOST = b"b0", slice(24, 28), slice(68, 108)
_EMACS_LOCK = re.compile(r".*@(?P<host>[^@]+)\.(?P<pid>[0-9]+)(?::[0-9]+)?\Z")


def editor_at(path: str, listed: Container[str] | None = None) -> str:
    """Why an editor seems to have the file at `path` open, for a person; "" if none does.

    `listed`: the names in its directory; None = each that matters is asked for now.
    """
    directory, _, name = path.rpartition("/")
    names = _Names(directory) if listed is None else listed
    for swap in (f".{name}.swp", f".{name}.swo"):
        if swap in names and _open_swap(f"{directory}/{swap}"):
            return f"an editor has it open ({swap})"
    lock = f".#{name}"
    if (listed is None or lock in listed) and _live_emacs(f"{directory}/{lock}"):
        return f"an editor has changes to it ({lock})"
    for trace in ("4913", f"{name}___jb_tmp___", f"{name}___jb_old___"):
        if trace in names:
            return f"an editor is saving ({trace})"
    return ""


def git_directory(directory: str) -> str:
    """The `.git` that `directory` (absolute) belongs to; "" if it lies in no work tree."""
    while True:
        candidate = f"{directory.rstrip('/')}/.git"
        if os.path.isdir(candidate):
            return candidate
        if os.path.isfile(candidate):  # a linked work tree, or a submodule
            return _pointed(candidate, directory)
        parent = os.path.dirname(directory)
        if parent == directory:
            return ""
        directory = parent


def git_at(git_directory: str) -> str:
    """What git is in the middle of, by its directory; "" if nothing, or if that is ""."""
    if git_directory:
        for name, meaning in _GIT_AT_WORK.items():
            if os.access(f"{git_directory}/{name}", os.F_OK):
                return f"{meaning} ({name})"
    return ""


class GitLook:
    """What git is in the middle of, asked many times in a short while.

    Whatever tells it is made in, or renamed into, the directory itself, which shows when it last
    changed: only if that is new, or so recent that the next change might look the same, each name
    is asked for again.
    """

    def __init__(self, git_directory: str) -> None:
        self._directory = git_directory
        self._changed = self._last_change()
        self.first = git_at(git_directory)

    def now(self) -> str:
        """As `git_at`."""
        if not self._directory:
            return ""
        if self._changed is not None and self._last_change() == self._changed:
            return self.first
        return git_at(self._directory)

    def _last_change(self) -> int | None:
        try:
            changed = os.stat(self._directory).st_mtime_ns
        except OSError:
            return None
        return changed if time.time_ns() - changed > _TICK else None


def has_conflict(data: bytes) -> bool:
    """Whether `data` holds conflict markers as git leaves them."""
    # The search of every line is for the rare file that has one at all: it takes 30 times as long.
    return any(mark in data for mark in _MARKS) and _MARKERS.search(data) is not None


class _Names:
    """The names in a directory, each at the moment it is asked for.

    By access(2): that no such name is there is the rule, and no exception.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def __contains__(self, name: object) -> bool:
        return os.access(f"{self._directory}/{name}", os.F_OK)


def _pointed(file: str, directory: str) -> str:
    try:
        with open(file, encoding="utf-8") as found:
            text = found.read(4096)
    except (OSError, UnicodeDecodeError):
        return ""
    key, _, value = text.partition(":")
    return os.path.join(directory, value.strip()) if key == "gitdir" else ""


def _open_swap(path: str) -> bool:
    try:
        with open(path, "rb") as found:
            head = found.read(_SWAP_HOST.stop)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    if not head.startswith(_SWAP_ID) or len(head) < _SWAP_HOST.stop:
        return True  # being written, or somebody else's: believed
    host = head[_SWAP_HOST].split(b"\0")[0].decode("utf-8", "replace")
    return _alive(host, int.from_bytes(head[_SWAP_PID], "little"))


def _live_emacs(path: str) -> bool:
    try:
        match = _EMACS_LOCK.match(os.readlink(path))
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return match is None or _alive(match["host"], int(match["pid"]))


def _alive(host: str, process: int) -> bool:
    """Whether the process may be alive; nothing is known of another host's."""
    if host != os.uname().nodename or not 0 < process < 2**31:
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
