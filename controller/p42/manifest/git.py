"""Git: what it ignores, and whether it took a file away. Asked, never changed.

A work tree may come from anybody, so its configuration must not run anything. A git that is
missing, refuses or hangs ignores nothing and explains nothing.
"""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH111, PTH116, PTH118, PTH120
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from p42.wire.safegit import GIT, GIT_ENVIRONMENT

TIMEOUT = 10.0  # s; on a large cold work tree git may take seconds
REFLOG_DEPTH = 20  # positions of HEAD; an absence is judged within minutes of what caused it
_LOCKS = ("index.lock", "HEAD.lock", "rebase-merge", "rebase-apply", "MERGE_HEAD",
          "CHERRY_PICK_HEAD", "REVERT_HEAD")  # fmt: skip
_KNOWN = ("PATH", "HOME", "XDG_CONFIG_HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


def work_tree(path: str) -> str | None:
    """The root of the work tree that `path` (absolute) lies in; None if it lies in none."""
    while True:
        if os.path.lexists(os.path.join(path, ".git")):
            return path
        parent = os.path.dirname(path)
        if parent == path:
            return None
        path = parent


def ignored(root: str, paths: Sequence[str]) -> frozenset[str] | None:
    """Those of the absolute `paths` in the work tree `root` that git ignores.

    None = it did not answer in time: whoever may write its rules can make it wait for ever.
    """
    # With ./ in front a name that begins with a colon is a name.
    names = {os.fsencode("./" + os.path.relpath(path, root)): path for path in paths}
    answer = _asked(root, "check-ignore", "--stdin", "-z", stdin=b"\0".join(names))
    if answer is None:
        return None
    return frozenset(names[name] for name in answer.split(b"\0") if name in names)


def rules_stamp(root: str, directories: Iterable[str]) -> tuple[object, ...]:
    """Changes whenever the rules for what is ignored in `directories` of `root` may have."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    places = {os.path.join(directory, ".gitignore") for directory in directories}
    places |= {os.path.join(root, name) for name in (".git/info/exclude", ".git/index")}
    places |= {os.path.join(home, "git/ignore"), os.path.join(root, ".gitignore")}
    return tuple((place, _stamp(place)) for place in sorted(places))


def explained(source: str, files: Iterable[str]) -> frozenset[str]:
    """Those of the missing `files` (absolute) that HEAD lacks and an earlier HEAD had.

    Nothing while git is at work: what it shows then is neither the old state nor the new one.
    """
    root = work_tree(source)
    directory = os.fsdecode(ask(source, "rev-parse", "--absolute-git-dir").strip()) if root else ""
    if root is None or not directory or at_work(directory):
        return frozenset()
    where = os.path.relpath(source, root)
    missing = {os.fsencode(os.path.relpath(path, root)): path for path in files}
    left = missing.keys() - _tree(root, "HEAD", where)
    log = ask(root, "rev-list", "--walk-reflogs", f"--max-count={REFLOG_DEPTH}", "HEAD").decode()
    had: set[bytes] = set()
    for commit in dict.fromkeys(log.split()):
        if left <= had:
            break
        had |= _tree(root, commit, where)
    return frozenset(missing[name] for name in left & had)


def _tree(root: str, commit: str, where: str) -> set[bytes]:
    listed = ask(
        root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, "--", f"./{where}"
    )
    return set(listed.split(b"\0"))


def head(root: str) -> tuple[str, str]:
    """The git directory of the work tree `root`, and the commit HEAD is at.

    "" for the first: git cannot tell. "unborn" for the second: there is no commit yet.
    """
    directory = os.fsdecode(ask(root, "rev-parse", "--absolute-git-dir").strip())
    commit = ask(root, "rev-parse", "--verify", "--quiet", "HEAD").decode().strip()
    return directory, commit or "unborn"


def at_work(git_directory: str) -> bool:
    """Whether git is in the middle of something there."""
    return any(os.path.lexists(os.path.join(git_directory, name)) for name in _LOCKS)


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def ask(directory: str, *arguments: str, stdin: bytes = b"") -> bytes:
    """Standard output of a git command, b"" on any failure."""
    return _asked(directory, *arguments, stdin=stdin) or b""


def _asked(directory: str, *arguments: str, stdin: bytes) -> bytes | None:
    """As `ask`; None = it took too long.

    Of our environment it gets _KNOWN alone: inside a hook GIT_* variables point elsewhere, and
    others hold keys.
    """
    import subprocess  # 8 ms that `validate` outside of a work tree need not pay

    environment = {k: os.environ[k] for k in _KNOWN if k in os.environ} | {**GIT_ENVIRONMENT}
    command = [*GIT, "-C", directory, *arguments]
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=TIMEOUT,
                              check=False, env=environment)  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    except OSError:
        return b""
    return done.stdout
