"""Forge name: whether a new command may be called so, and what nearly the same name would be right.

A name comes from a model: it may be a path, an option, a program that people call every day. Only a
DNS label that means nothing else yet becomes a file name.
"""

from __future__ import annotations

import re
from pathlib import Path

from p42.ai.accounts.ports import Registered
from p42.model.ports import Files
from p42.model.refs import Ref, is_name
from p42.scripts.marker import marked_name
from p42.scripts.reply import Unfit, shown
from p42.scripts.shell import WORDS

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
KIND = "Command"  # what a forge makes
LONGEST = 63  # a DNS label, RFC 1035
# What passwords are typed into, and p42 itself, also where it is not installed or not on our PATH.
NEVER = frozenset({"p42", "sudo", "su", "doas", "ssh", "ssh-add", "gpg", "passwd", "login"})


def checked(given: object) -> str:
    """`given`, if a resource may be called so. Unfit says which near name may."""
    if given is None:
        raise Unfit("it has no name")
    if not isinstance(given, str):
        raise Unfit(f"its name is {shown(given)} and no text")
    if is_name(given):
        return given
    near = near_name(given)
    advice = f"{near} would do" if near else "lower-case letters, digits and - would do"
    raise Unfit(f"{shown(given)} is no command's name; {advice}")


def near_name(given: str) -> str:
    """The nearest valid name; "" where nothing of it is left."""
    text = _NOT_IN_NAMES.sub("-", given[:1000].lower()).strip("-").lstrip("0123456789-")
    return text[:LONGEST].strip("-")


class Taken:
    """What bears a name already. Blocking: it looks at the disk and along the PATH."""

    def __init__(self, home: Path, files: Files, registry: Registered) -> None:
        self._directory, self._files, self._registry = home / "commands", files, registry

    def check(self, name: str) -> None:
        """Unfit if something that p42 did not make is called so, or would be hidden."""
        if name in NEVER:
            raise Unfit(f"{name} is what people trust; ask for another name")
        if name in WORDS:
            raise Unfit(f"{name} is a word of the shell; ask for another name")
        if self._registry.get(Ref(KIND, name)) is not None:
            return
        entry = self._files.look(self._directory / name)
        if entry is not None and marked_name(entry.data) != name:
            raise Unfit(f"commands/{name} is there and p42 did not make it; ask for another name")
        other = self._files.which(name, skip=self._directory)
        if other is not None and not self._is_twin(other, name):
            raise Unfit(f"{name} is a program here ({other}); ask for another name")

    def _is_twin(self, path: Path, name: str) -> bool:
        """The same command under another home of this user."""
        entry = self._files.look(path)
        return entry is not None and marked_name(entry.data) == name
