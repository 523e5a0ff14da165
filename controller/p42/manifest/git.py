"""Git: what it ignores, and whether it took a file away. Asked, never changed.

A work tree may come from anybody, so its configuration must not run anything: no hooks, no file
system monitor. A git that is missing, refuses or hangs ignores nothing and explains nothing.
"""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH111, PTH116, PTH118, PTH120
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

TIMEOUT = 10.0  # s; on a large cold work tree git may take seconds
REFLOG_DEPTH = 20  # positions of HEAD; an absence is judged within minutes of what caused it
_LOCKS = ("index.lock", "HEAD.lock", "rebase-merge", "rebase-apply", "MERGE_HEAD",
          "CHERRY_PICK_HEAD", "REVERT_HEAD")  # fmt: skip
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")


def work_tree(path: str) -> str | None:
    """The root of the work tree that `path` (absolute) lies in; None if it lies in none."""
    while True:
        if os.path.lexists(os.path.join(path, ".git")):
            return path
        parent = os.path.dirname(path)
        if parent == path:
            return None
        path = parent


def ignored(root: str, paths: Sequence[str]) -> frozenset[str]:
    """Those of the absolute `paths` in the work tree `root` that git ignores."""
    # With ./ in front a name that begins with a colon is a name.
    names = {os.fsencode("./" + os.path.relpath(path, root)): path for path in paths}
    answer = _git(root, "check-ignore", "--stdin", "-z", stdin=b"\0".join(names))
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
    directory = os.fsdecode(_git(source, "rev-parse", "--absolute-git-dir").strip()) if root else ""
    if root is None or not directory or _at_work(directory):
        return frozenset()
    where = os.path.relpath(source, root)
    missing = {os.fsencode(os.path.relpath(path, root)): path for path in files}
    left = missing.keys() - _tree(root, "HEAD", where)
    log = _git(root, "rev-list", "--walk-reflogs", f"--max-count={REFLOG_DEPTH}", "HEAD").decode()
    had: set[bytes] = set()
    for commit in dict.fromkeys(log.split()):
        if left <= had:
            break
        had |= _tree(root, commit, where)
    return frozenset(missing[name] for name in left & had)


def _tree(root: str, commit: str, where: str) -> set[bytes]:
    listed = _git(
        root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, "--", f"./{where}"
    )
    return set(listed.split(b"\0"))


def _at_work(git_directory: str) -> bool:
    return any(os.path.lexists(os.path.join(git_directory, name)) for name in _LOCKS)


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _git(directory: str, *arguments: str, stdin: bytes = b"") -> bytes:
    """Standard output, b"" on any failure. Inside a hook GIT_* variables point elsewhere."""
    import subprocess  # 8 ms that `validate` outside of a work tree need not pay

    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", "-C", directory, *_SAFE, *arguments]
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=TIMEOUT,
                              check=False, env=environment)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout
