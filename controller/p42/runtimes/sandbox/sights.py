"""Sights: what is granted, looked at before it is mounted and after: none is led astray between.

bubblewrap follows links, and a program that runs meanwhile can lay one a moment after the way was
looked at. So the device and the number of what was meant are noted while it is held open, and the
first thing inside looks whether it is what was mounted: else nothing runs. (bubblewrap's own
`--bind-fd` does just that, from 0.10 on.)

Without pathlib and the like, as `walls.py`.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Sights = Mapping[str, str]  # path, as it is inside, to `seen` of what is meant

ASTRAY = "it is not what was granted: a link was laid on the way to it; find out which program did"


class Elsewhere(ValueError):
    """A path that is not its own real path; `str()` is a sentence for a person."""


def seen(path: str) -> str:
    """`DEVICE:NUMBER` of what is at `path`. Raises Elsewhere where a link leads there; OSError."""
    there = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        real = os.readlink(f"/proc/self/fd/{there}")  # noqa: PTH115
        if real != path:
            raise Elsewhere(f"{path} leads by a link to {real}; name that place itself")
        return told(os.fstat(there))
    finally:
        os.close(there)


def told(found: os.stat_result) -> str:
    """As stat(1) has it."""
    return f"{found.st_dev}:{found.st_ino}"


def sights(paths: Iterable[str], names: Mapping[str, str]) -> Sights:
    """Of each of `paths`; of a name among `names` what it stands for. Elsewhere; OSError."""
    return {path: seen(names.get(path, path)) for path in paths}


def sure(program: Sequence[str], sights: Sights) -> Sequence[str]:
    """A command line for inside: `program`, if each of `sights` is what it was; else 126."""
    if not sights:
        return program
    paths, expected = " ".join(map(_quoted, sights)), _quoted("\n".join(sights.values()))
    said = _quoted(f"p42: {', '.join(sights)}: one of them: {ASTRAY}")
    check = (
        f'[ "$(PATH=/usr/bin:/bin stat -c %d:%i -- {paths})" = {expected} ] || '
        f"{{ echo {said} >&2; exit 126; }}\n"
        'exec "$@"'
    )
    return ["/bin/sh", "-c", check, "sh", *program]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
