"""Paths: what a command's `sandbox:` names, as absolute paths. Of system calls only.

    /srv/data      as it stands
    ~/notes        below the home of whoever runs it
    .              the directory it is run in: a person's, or the empty one of a test or a tool call

Nothing else: what another relative path is relative to would be anybody's guess.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HERE = "."


class Astray(ValueError):
    """A path that cannot be granted; `str()` is a sentence for a person."""


def reached(texts: Iterable[str], *, here: str, private: str = "") -> Sequence[str]:
    """The paths; absolute. Raises Astray.

    `here` is what `.` stands for; "" = it is left out, for the caller grants that directory anyway.
    `private` is p42's own home, where a `.` is not meant.
    """
    found = []
    for text in texts:
        if fault := astray(text):
            raise Astray(fault)
        if text != HERE:
            found.append(os.path.normpath(os.path.expanduser(text)))  # noqa: PTH111
        elif here:
            found.append(_called_in(here, private))
    return found


def astray(text: str) -> str:
    """What is wrong with a path; "" = nothing."""
    rooted = text in (HERE, "~") or text.startswith(("/", "~/"))
    if rooted and ".." not in text.split("/") and "\0" not in text:
        return ""
    return (
        f"sandbox names {text!r}; write a path from / or ~/, without .., or . for the directory "
        "it is run in"
    )


def within(path: str, trees: Iterable[str]) -> bool:
    """Whether `path` lies in one of `trees`, or is one."""
    return any(path == tree or path.startswith(tree.rstrip("/") + "/") for tree in trees)


def _called_in(here: str, private: str) -> str:
    """`here`, if it is no more than somebody meant who declared `.`."""
    real, home = os.path.realpath(here), os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111
    fault = ""
    if within(home, (real,)):
        fault = f"{here} holds your whole home; run it in a directory below"
    elif private and (within(real, (private,)) or within(private, (real,))):
        fault = f"{here} is p42's own; run it elsewhere"
    if fault:
        raise Astray(f"it may reach the directory it is run in, and {fault}")
    return here
