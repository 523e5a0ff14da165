"""Ways: where a path leads, and whether a program in a sandbox could have laid the way.

A program that may write a directory can put a link in the place of anything in it. Whoever is
granted something below by name, within walls of its own, would be granted whatever that link leads
to: p42's home, a key. So each directory that such a program may write is noted before it begins,
for good, and no grant leads by a link in there to a place outside of it: whoever means that place
names the place itself.

    HOME/writable    their real paths, each ended by a NUL; appended to, never written anew

Caveats: a link moves along with a directory that a person moves; and p42s with other homes note
theirs elsewhere.

Of system calls only: a person who calls a command waits for this.
"""

from __future__ import annotations

import errno
import os

from p42.scripts.paths import Astray, within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NAME = "writable"
ROOMS = "run"  # in p42's home: rooms of programs, which come and go, and hold no link of anybody's
LINKS = 40  # on the way to one file; the kernel follows no more (path_resolution(7))


def led(path: str) -> tuple[str, Sequence[str]]:
    """Where an absolute `path` leads, and the links on the way, by the real paths of their
    directories. One look at each: what is laid meanwhile is not seen half.
    """
    here, links = "/", list[str]()
    todo = path.split("/")[::-1]
    while todo:
        part = todo.pop()
        if part in ("", ".", ".."):
            here = os.path.dirname(here) if part == ".." else here  # noqa: PTH120
            continue
        there = here.rstrip("/") + "/" + part
        try:
            target = os.readlink(there)  # noqa: PTH115
        except OSError:  # no link, or not there
            here = there
            continue
        links.append(there)
        if len(links) > LINKS:
            break
        here = "/" if target.startswith("/") else here
        todo += target.split("/")[::-1]
    return here, links


def leads(path: str, roots: Iterable[str]) -> tuple[str, str]:
    """Where it leads, and the first link that leads out of one of `roots`, below which it is.

    "" = there is none such.
    """
    real, links = led(path)
    owned = ((link, root) for link in links for root in roots if _below(link, root))
    return real, next((link for link, root in owned if not within(real, (root,))), "")


def settled(paths: Iterable[str], roots: Sequence[str]) -> Mapping[str, str]:
    """Each of `paths` with where it leads. Raises Astray."""
    found = {}
    for path in paths:
        real, link = leads(path, roots)
        if link:
            raise Astray(told(path, real, link))
        found[path] = real
    return found


def taken(read: Sequence[str], write: Sequence[str], home: str) -> Mapping[str, str]:
    """What a person's command is granted, with where it leads; it may be written from now on.

    Raises Astray; OSError where it cannot be noted.
    """
    found = settled((*read, *write), [*noted(home), *outer(led(each)[0] for each in write)])
    for path, real in found.items():
        if why := kept_out(path, real, home):
            raise Astray(why)
    note(home, outer(found[each] for each in write))
    return found


def outer(trees: Iterable[str]) -> Sequence[str]:
    """Those of `trees`, all of one program, that are in no other: what it lays in an inner one may
    well lead to the outer one, which it may write too.
    """
    found = dict.fromkeys(trees)
    return [each for each in found if not any(_below(each, other) for other in found)]


def told(path: str, real: str, link: str) -> str:
    """What a person is told of a way that a program could have laid."""
    return (
        f"{path} leads over the link {link} to {real}: a program in a sandbox may write where that "
        "link is, and could have made it; remove the link, or, if you mean that place, name it as "
        f"{real}"
    )


def kept_out(path: str, real: str, home: str) -> str:
    """Why `real`, where `path` leads, is not granted by anybody; "" = it may be. `home` is p42's,
    a real path.
    """
    if within(real, (home,)):
        return f"{path} is p42's own; leave it out, or name another"
    return f"p42's home is in {path}; name directories below it" if within(home, (real,)) else ""


def noted(home: str) -> Sequence[str]:
    """The directories that programs in a sandbox may write, or might have written. OSError."""
    rooms = f"{os.path.realpath(home)}/{ROOMS}"
    try:
        with open(f"{home}/{NAME}", "rb") as file:  # noqa: PTH123
            return [rooms, *(os.fsdecode(each) for each in file.read().split(b"\0") if each)]
    except FileNotFoundError:
        return [rooms]


def note(home: str, roots: Iterable[str]) -> None:
    """From now on programs may write `roots`, real paths. OSError: they must not yet."""
    rooms, *known = noted(home)
    new = dict.fromkeys(each for each in roots if each not in known and not within(each, (rooms,)))
    if not new:
        return
    os.makedirs(home, mode=0o700, exist_ok=True)  # noqa: PTH103
    into = os.open(f"{home}/{NAME}", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    lines = b"\0" + b"".join(os.fsencode(each) + b"\0" for each in new)  # ends what was cut before
    try:
        if os.write(into, lines) < len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(into)


def _below(path: str, root: str) -> bool:
    return path != root and within(path, (root,))
