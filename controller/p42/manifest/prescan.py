"""Pre-scan: what is refused before the C parser sees it.

libyaml is called through recursive C code: 200 KB of `[` end the whole process with a
segmentation fault. And much that is no text at all would be reported as a puzzling YAML error.
A cheap look clears ordinary files; only a suspicious one is walked event by event, which needs no
stack.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from p42.manifest.finding import Finding, Malformed

SIZE_LIMIT = 1 << 20  # bytes; people do not write larger ones, and parsing has to stay under 1 s
DEPTH_LIMIT = 64  # levels; the deepest spec has 8
ALIAS_LIMIT = 10_000  # values that all aliases of a document may stand for, together

_BYTE_ORDER_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32", b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16",
}  # fmt: skip
# More openings on one line than any list of lists has: `- - - -`, `? ? ? ?`, `: : : :`.
_COMPACT = re.compile(rb"[-?:]{16}")
# libyaml, of YAML 1.1, breaks lines at these; YAML 1.2 and every editor do not.
_FOREIGN_BREAK = re.compile("[\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOT_CONTROL = bytes(c for c in range(256) if not _CONTROL.match(chr(c)))
_FLESH = bytes(c for c in range(256) if c not in b"-?:\n[]{}")  # what opens nothing


def decode(data: bytes) -> str:
    """The text of `data`, without a byte order mark. Malformed if it is not UTF-8 text."""
    if len(data) > SIZE_LIMIT:
        raise Malformed(too_large(len(data)))
    for mark, name in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            raise _whole(f"is {name}, and a manifest is UTF-8", "encoding", "save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(data, error) from None
    if data.translate(None, _NOT_CONTROL):  # ten times faster than a search
        found = _CONTROL.search(text)
        raise _control(text, found.start() if found is not None else 0)
    if not text.isascii():
        _refuse_foreign_breaks(text)
    return text


def too_large(size: int) -> Finding:
    """The finding for a file of `size` bytes, which need not be read to be refused."""
    message = f"is {size:,} bytes long; at most {SIZE_LIMIT:,} are read"
    return Finding(0, 1, "too-large", message, suggestion="split it into several files")


def scan(text: str) -> None:
    """Malformed if `text` nests deeper than the C parser survives."""
    skeleton = text.encode().translate(None, _FLESH)
    openings = skeleton.count(b"[") + skeleton.count(b"{")
    if openings > DEPTH_LIMIT or _COMPACT.search(skeleton):
        _walk(text)


def too_deep(at: int) -> Finding:
    """The finding for what begins at `at` and lies one level too deep."""
    return Finding(at, at + 1, "too-deep", f"is nested deeper than {DEPTH_LIMIT} levels")


def _walk(text: str) -> None:
    depth = 0
    parser = yaml.CLoader(text)
    try:
        while parser.check_event():
            event: Any = parser.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > DEPTH_LIMIT:
                raise Malformed(too_deep(event.start_mark.index))
    except yaml.YAMLError:
        return  # the parse proper says it better, and has a bounded depth by now
    finally:
        parser.dispose()


def _whole(message: str, code: str, suggestion: str = "") -> Malformed:
    return Malformed(Finding(0, 1, code, message, suggestion=suggestion))


def _not_utf8(data: bytes, error: UnicodeDecodeError) -> Malformed:
    if b"\0" in data:
        return _whole("is binary, and a manifest is UTF-8 text", "encoding")
    at = len(data[: error.start].decode("utf-8-sig"))
    message = f"byte 0x{data[error.start]:02x} is not UTF-8"
    return Malformed(Finding(at, at + 1, "encoding", message, suggestion="save it as UTF-8"))


def _control(text: str, at: int) -> Malformed:
    if "\0" in text:
        half = text.count("\0") * 3 > len(text)
        what = "UTF-16, and a manifest is UTF-8" if half else "binary, and a manifest is UTF-8 text"
        return _whole(f"is {what}", "encoding", "save it as UTF-8" if half else "")
    message = f"control character U+{ord(text[at]):04X}"
    return Malformed(Finding(at, at + 1, "encoding", message, suggestion="take it out"))


def _refuse_foreign_breaks(text: str) -> None:
    match = _FOREIGN_BREAK.search(text)
    if match is not None:
        name = f"U+{ord(match[0]):04X}"
        hint = f'write it as "\\u{ord(match[0]):04x}" in double quotes'
        at = match.start()
        raise Malformed(Finding(at, at + 1, "encoding", f"line separator {name}", "", hint))
