"""Inside: what a command that declares `sandbox:` carries in its own head: what runs it, and what
it may reach. Pure, and it imports next to nothing: who calls such a command waits for it.

    #!/usr/bin/env -S p42 __inside --
    # p42: Command/hello sha256:3f6a...
    # p42: needs jq
    # p42: inside #!/usr/bin/env bash
    # p42: may use the network
    # p42: may read ~/notes
    # p42: may write .
    # p42: and nothing else

So the file cannot be run past its sandbox by who calls it: the first line names p42, which reads
the others, goes inside, and becomes there what `inside` names. Without p42 it does not run. That is
a first line too, taken apart as the kernel does (execve(2), "Interpreter scripts"): a program, and
all that follows it as one argument.

Paths stand as they were declared, `~` not expanded: two homes forge equal bytes. What is no plain
ASCII is escaped as Python does, for the script may be in any encoding.
"""

from __future__ import annotations

from collections import namedtuple  # typing.NamedTuple would import typing: 2 ms of each run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHEBANG = b"#!/usr/bin/env -S p42 __inside --"
LONGEST = 1 << 20  # bytes of the head that are read; a manifest has to stay under 1 MiB
_NETWORK, _READ, _WRITE = "may use the network", "may read ", "may write "
_END = "and nothing else"
_MARKS = ("#", "//")
_HEXADECIMAL = frozenset("0123456789abcdef")

# run: a first line, as text. network: whether. read, write: tuples of paths as they were declared.
Inside = namedtuple("Inside", "run network read write")


class Headless(ValueError):
    """It is no file that p42 forged to run in a sandbox; `str()` says what is wrong with it."""


def header(mark: str, inside: Inside) -> Sequence[str]:
    """The lines that follow the marker and what it needs. `mark` begins a comment."""
    return [f"{mark} p42: {line}" for line in _lines(inside)]


def parsed(head: bytes) -> Inside:
    """What the head of a forged file says. Raises Headless for anything p42 would not write."""
    first, *rest = head[:LONGEST].split(b"\n")
    if first != SHEBANG:
        raise Headless("its first line is not the one that p42 writes")
    lines = (line.decode("ascii", "replace") for line in rest)
    # A Python script's coding line has to be among the first two, so the marker is then third.
    mark = _mark(next(lines, "")) or _mark(next(lines, ""))
    if not mark:
        raise Headless("it does not carry p42's mark")
    lead, told = f"{mark} p42: ", list[str]()
    for line in lines:
        told.append(line.removeprefix(lead))
        if line == lead + _END:
            break
    if told and told[0].startswith("needs "):
        told.pop(0)
    inside = _told(told)
    # To the byte what is written: in another order, twice, or spelled otherwise it is none of ours.
    if [*_lines(inside)] != told:
        raise Headless("what it may reach is not as p42 writes it")
    return inside


def begins(inside: Inside) -> list[str]:
    """The program that runs it, and its argument if it has one; the file's path follows."""
    line = inside.run.removeprefix("#!").strip(" \t")
    program = line.replace("\t", " ").partition(" ")[0]
    rest = line[len(program) :].strip(" \t")
    if not inside.run.startswith("#!") or not program:
        raise Headless("it does not say what runs it")
    return [program, rest] if rest else [program]


def direct(data: bytes, path: str) -> list[str]:
    """How the file of these bytes is begun by who is in a sandbox already, or is about to be."""
    if not data.startswith(SHEBANG + b"\n"):
        return [path]
    return [*begins(parsed(data)), path]


def _mark(line: str) -> str:
    """What begins a comment, if `line` is the marker of a forged file; else ""."""
    mark, _, rest = line.partition(" p42: Command/")
    name, _, digest = rest.partition(" sha256:")
    good = bool(name) and len(digest) == 16 and _HEXADECIMAL.issuperset(digest)
    return mark if good and mark in _MARKS else ""


def _lines(inside: Inside) -> Iterator[str]:
    yield "inside " + _plain(inside.run)
    if inside.network:
        yield _NETWORK
    yield from (_READ + _plain(each) for each in inside.read)
    yield from (_WRITE + _plain(each) for each in inside.write)
    yield _END


def _told(lines: Sequence[str]) -> Inside:
    texts = [_text(each) for each in lines]
    run = texts[0] if texts else ""
    read = tuple(each.removeprefix(_READ) for each in texts if each.startswith(_READ))
    write = tuple(each.removeprefix(_WRITE) for each in texts if each.startswith(_WRITE))
    return Inside(run.removeprefix("inside "), _NETWORK in texts, read, write)


def _plain(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def _text(line: str) -> str:
    try:
        return line.encode("ascii", "replace").decode("unicode_escape")
    except (UnicodeDecodeError, DeprecationWarning):  # the latter: an escape that is none
        raise Headless("what it may reach cannot be read") from None
