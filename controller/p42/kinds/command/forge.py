"""Forge: from a script to the bytes of an executable. Pure.

    #!/usr/bin/env bash                          the script's own shebang, if it has one
    # p42: Command/hello sha256:3f6a...          the marker: how p42 knows its own
    # p42: needs jq git                          what `install-deps.sh` reads
    # hello: Greet somebody.
    # Forged from ...

    the dependency check, in the script's own language
    the script, to the byte

With `sandbox:` the first line is p42's, and the script's own stands below with what it may reach
(`scripts/inside.py`).

No time and no path, so two homes forge equal bytes. What cannot be kept to the byte: a byte order
mark, which would stand in the middle of a line, and the line ends of a shell script that has only
DOS ones, which no shell runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from p42.kinds.command.checks import guarded
from p42.kinds.command.language import spoken
from p42.kinds.command.spec import Command
from p42.scripts.inside import SHEBANG, Inside, header
from p42.scripts.language import Language
from p42.scripts.marker import marker

_SHEBANGS: Mapping[Language, bytes] = {
    "bash": b"#!/usr/bin/env bash",
    "python": b"#!/usr/bin/env python3",
    "node": b"#!/usr/bin/env node",
}
_COMMENTS: Mapping[Language, str] = {"bash": "#", "python": "#", "node": "//"}
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263
_BOM = b"\xef\xbb\xbf"


def source_of(spec: Command, files: Mapping[str, bytes]) -> bytes | None:
    """The script as written; None for a prompt."""
    if spec.source is not None:
        return spec.source.encode()
    if spec.source_file is not None:
        data = files[spec.source_file]
        return data if spec.verbatim else data.removeprefix(_BOM)
    return None


def forge(name: str, spec: Command, source: bytes) -> bytes:
    """The executable's bytes."""
    if spec.verbatim:
        return source
    language = spoken(spec, source).language
    shebang, body = _split(source, language)
    mark = _COMMENTS[language]
    comments = [
        marker(mark, name, source),
        *([f"{mark} p42: needs {' '.join(spec.dependencies)}"] if spec.dependencies else []),
        *_inside(mark, spec, shebang),
        *(f"{mark} {line}".rstrip() for line in _about(name, spec)),
        f"{mark} Forged from the manifest Command/{name}; what is changed here is put back.",
    ]
    head = "\n".join(comments).encode()
    coding = _coding(body) if language == "python" else b""
    if coding:
        # Our comments would have to be in that encoding too: kept to what all of them share.
        head = coding + b"\n" + head.decode().encode("ascii", "backslashreplace")
    first = shebang if spec.sandbox is None else SHEBANG
    return first + b"\n" + head + b"\n\n" + guarded(language, body, spec.dependencies)


def _inside(mark: str, spec: Command, shebang: bytes) -> Sequence[str]:
    """The lines with what runs it and what it may reach; none for a command without a sandbox."""
    may = spec.sandbox
    if may is None:
        return ()
    run = shebang.decode(errors="surrogateescape")
    return header(mark, Inside(run, may.network, may.read, may.write))


def _about(name: str, spec: Command) -> list[str]:
    """Name and description; splitlines knows every line end that ends a comment somewhere."""
    lines = (spec.description or "").strip().splitlines()
    return [f"{name}: {lines[0]}", *lines[1:]] if lines else [name]


def _split(source: bytes, language: Language) -> tuple[bytes, bytes]:
    """Shebang and body. A carriage return would be part of the interpreter's name: cut."""
    shebang, body = _SHEBANGS[language], source
    if source.startswith(b"#!"):
        line, _, body = source.partition(b"\n")
        shebang = line.rstrip()
    breaks = body.count(b"\n")
    if language == "bash" and breaks and breaks == body.count(b"\r\n"):
        body = body.replace(b"\r\n", b"\n")
    return shebang, body


def _coding(body: bytes) -> bytes:
    """The coding line of a Python script, which counts only on the first two lines of a file."""
    for line in body.split(b"\n")[:2]:
        if _CODING.match(line):
            return line.strip()
        if line.strip() and not line.lstrip().startswith(b"#"):
            break  # PEP 263: the first line has to be a comment or blank for the second to count
    return b""
