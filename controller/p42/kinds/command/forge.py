"""Forge: from a script to the bytes of an executable. Pure.

The header is one shebang (the script's own, if it has one), the marker by which p42 knows its own,
and the description: no time and no path, so two homes forge equal bytes. Then come the dependency
checks in the script's own language, then the script, to the byte.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import PurePath

from p42.kinds.command import checks
from p42.kinds.command.language import Language
from p42.kinds.command.spec import Command

SHEBANGS: Mapping[Language, str] = {
    "bash": "#!/usr/bin/env bash",
    "python": "#!/usr/bin/env python3",
    "node": "#!/usr/bin/env node",
}
INTERPRETERS: Mapping[Language, str] = {"bash": "bash", "python": "python3", "node": "node"}
_COMMENTS: Mapping[Language, str] = {"bash": "#", "python": "#", "node": "//"}
_ENDINGS: Mapping[str, Language] = {
    ".sh": "bash", ".bash": "bash", ".py": "python",
    ".js": "node", ".cjs": "node", ".mjs": "node",
}  # fmt: skip
_WORDS: Mapping[str, Language] = {"python": "python", "node": "node", "bash": "bash", "sh": "bash"}
_MARKER = re.compile(rb"^(?:#|//) p42: Command/([a-z0-9-]+) sha256:[0-9a-f]{16}\b", re.MULTILINE)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263
HEAD = 1024  # bytes in which the marker stands: after a shebang and a coding line at most


def source_of(spec: Command, files: Mapping[str, bytes]) -> bytes | None:
    """The script as written; None for a prompt."""
    if spec.source is not None:
        return spec.source.encode()
    if spec.source_file is not None:
        return files[spec.source_file]
    return None


def language_of(spec: Command, source: bytes) -> Language:
    """As declared, else by the shebang, else by the file's ending, else bash."""
    if spec.language is not None:
        return spec.language
    if source.startswith(b"#!"):
        program = source.split(b"\n", 1)[0].decode(errors="replace").replace("/", " ")
        for word in reversed(program.split()):
            known = _WORDS.get(word.rstrip("0123456789."))
            if known is not None:
                return known
    ending = PurePath(spec.source_file or "").suffix
    return _ENDINGS.get(ending, "bash")


def forge(name: str, spec: Command, source: bytes) -> bytes:
    """The executable's bytes."""
    language = language_of(spec, source)
    shebang, body = _split(source, language)
    comment = _COMMENTS[language]
    digest = hashlib.sha256(source).hexdigest()[:16]
    head = [shebang]
    if language == "python" and (coding := _coding(body)):
        head.append(coding)
    head.append(f"{comment} p42: Command/{name} sha256:{digest}".encode())
    head.append(f"{comment} Made from the manifest; what is changed here is put back.".encode())
    if spec.description:
        lines = spec.description.strip().splitlines()
        head += [f"{comment} {line}".rstrip().encode() for line in lines]
    if spec.dependencies:
        head.append(f"{comment} p42: needs {' '.join(spec.dependencies)}".encode())
    return b"\n".join(head) + b"\n\n" + checks.guarded(language, body, spec.dependencies)


def marked_name(data: bytes) -> str:
    """The name in the marker of forged bytes; "" where there is none."""
    found = _MARKER.search(data[:HEAD])
    return found[1].decode() if found else ""


def _split(source: bytes, language: Language) -> tuple[bytes, bytes]:
    """Shebang and body. A carriage return would be part of the interpreter's name: cut."""
    shebang = SHEBANGS[language].encode()
    body = source
    if source.startswith(b"#!"):
        line, _, body = source.partition(b"\n")
        shebang = line.rstrip(b"\r ")
    if language == "bash" and body.count(b"\n") == body.count(b"\r\n"):
        body = body.replace(b"\r\n", b"\n")  # bash runs no script with DOS line ends
    return shebang, body


def _coding(body: bytes) -> bytes:
    """The coding line of a Python script, which counts only on the first two lines of a file."""
    for line in body.split(b"\n")[:2]:
        if _CODING.match(line):
            return line.rstrip(b"\r")
    return b""
