"""Validate: the verdict on files and directories, for people and CI: no daemon, no network."""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH109, PTH112, PTH118, PTH120
from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from p42.manifest import collector, disk, links, prescan
from p42.manifest.check import Checker
from p42.manifest.discover import Walker
from p42.manifest.engines import EngineName
from p42.manifest.finding import Finding, diagnose, place, printable
from p42.manifest.kindbook import KindBook
from p42.manifest.locks import unreadable
from p42.manifest.parse import locate
from p42.manifest.reading import (
    NOT_UTF8,
    Content,
    Origin,
    Reading,
    documents_in,
    encodable,
    whole,
)
from p42.manifest.rules import Flaw, Rules
from p42.manifest.strays import is_manifest, led_out
from p42.model.diagnostic import Diagnostic, has_errors
from p42.model.errors import Exit
from p42.model.look import Broken
from p42.model.resource import Resource

STDIN = "-"
_STDIN_NAME = "<stdin>"


class Report(NamedTuple):
    """`names` of the files that hold manifests; `resources` that are good; findings by place."""

    names: tuple[str, ...]
    resources: int
    diagnostics: tuple[Diagnostic, ...]

    @property
    def files(self) -> int:
        """How many files hold manifests."""
        return len(self.names)

    @property
    def code(self) -> int:
        """The exit code: 0, or 3 if there is an error."""
        return Exit.INVALID if has_errors(self.diagnostics) else Exit.OK


def validate(
    paths: Sequence[str], *, engine: EngineName = "auto", book: KindBook | None = None
) -> Report:
    """Validate files, directories and `-` (standard input), all as one desired state.

    File names in the report are relative to the working directory where that is shorter.
    """
    with collector.paused():
        return _Validation(book or KindBook.load(), engine).run(paths)


class _Validation:
    def __init__(self, book: KindBook, engine: EngineName) -> None:
        self._book = book
        self._reading = Reading(book, Checker(engine))
        self._rules = Rules(book, named=lambda where: f"{self._shown(where.file)}:{where.line}")
        self._here = os.getcwd()
        self._prefixes: dict[str, str] = {}  # directory -> how it is shown, with its slash
        self._walker = Walker()
        self._origins: dict[str, Origin] = {}
        self._data: dict[str, bytes] = {}
        self._documents: list[Resource | Broken] = []
        self._found: list[Diagnostic] = []

    def run(self, paths: Sequence[str]) -> Report:
        whole = [os.path.realpath(os.path.join(self._here, p)) for p in paths if p != STDIN]
        # Directories first: a file in one of them belongs to that source.
        for path in sorted(dict.fromkeys(whole), key=lambda p: not os.path.isdir(p)):
            self._path(path)
        if STDIN in paths:
            name = os.path.join(self._here, _STDIN_NAME)
            origin = Origin(name, self._here, named=True, lists=True)
            self._take(sys.stdin.buffer.read(prescan.SIZE_LIMIT + 1), origin)
        good = [d for d in self._documents if isinstance(d, Resource)]
        for document in self._documents:
            self._found += document.diagnostics if isinstance(document, Broken) else ()
        self._found += [self._placed(flaw) for flaw in self._flaws(good)]
        self._found += [found for each in good for found in unreadable(each, self._book)]
        shown = {d.file: self._shown(d.file) for d in self._found}
        found = sorted((_renamed(d, shown[d.file]) for d in self._found), key=_order)
        names = sorted({self._shown(d.place.file) for d in self._documents})
        return Report(tuple(names), len(good), tuple(dict.fromkeys(found)))

    def _flaws(self, good: list[Resource]) -> Iterator[Flaw]:
        yield from self._rules.duplicates(self._documents)
        yield from self._rules.defaults(good)
        yield from self._rules.cycles(good)
        declared = frozenset(d.ref for d in self._documents if d.ref is not None)
        yield from self._rules.dangling(good, declared)
        yield from self._rules.annotations(good)

    def _path(self, path: str) -> None:
        if not os.path.isdir(path):
            root = os.path.dirname(path)
            self._file(path, Origin(path, root, named=True, leased=False, digested=False))
            return
        try:
            walk = self._walker.walk(path)
        except OSError as error:
            self._report(path, Finding(0, 1, "unreadable", f"cannot be listed: {disk.why(error)}"))
            return
        for file, _ in walk.files:
            self._file(file, Origin(file, path, leased=False, digested=False))
        for problem in walk.problems:
            self._report(problem.path, Finding(0, 1, problem.code, problem.message))
        led = [stray for stray in walk.strays if is_manifest(stray, self._reading)]
        for stray in led:
            self._report(stray, led_out(stray, path))
        inside = path.rstrip(os.sep) + os.sep
        told = walk.problems or led
        if not told and not any(d.place.file.startswith(inside) for d in self._documents):
            self._report(path, Finding(0, 1, "no-manifest", "holds no manifest",
                                       severity="warning"))  # fmt: skip

    def _file(self, path: str, origin: Origin) -> None:
        if path in self._origins:
            return
        real = links.within(path, origin.root)
        read = disk.read(real or path, limit=prescan.SIZE_LIMIT, leased=False, root=origin.root)
        if read.state == "missing" and origin.named:
            self._report(path, Finding(0, 1, "missing", "no such file or directory"))
        elif read.state == "unreadable":
            self._report(path, Finding(0, 1, "unreadable", f"cannot be read: {read.why}"))
        elif read.state == "large" and (origin.named or self._reading.may_be_ours(read.data)):
            size = read.signature[1] if read.signature is not None else len(read.data)
            self._documents.append(whole((prescan.too_large(size),), path, ""))
        elif read.state == "read" and (origin.named or self._reading.may_be_ours(read.data)):
            self._take(read.data, origin)

    def _take(self, data: bytes, origin: Origin) -> None:
        content: Content = self._reading.read(data, origin)
        self._origins[origin.file] = origin
        if content.ours and (origin.named or self._reading.speaks_of_us(data, content)):
            self._data[origin.file] = data
            self._documents += self._named(origin.file, content)
        elif origin.named:
            self._report(origin.file, Finding(0, 1, "no-manifest", "holds no document",
                                              severity="warning"))  # fmt: skip

    def _named(self, file: str, content: Content) -> Sequence[Resource | Broken]:
        """The documents, or that nothing could refer to their file: `apply` refuses it as well."""
        shown = encodable(file)
        return content.documents if shown == file else (whole((NOT_UTF8,), file, ""),)

    def _report(self, path: str, finding: Finding) -> None:
        self._found.append(diagnose(finding, path, ""))

    def _placed(self, flaw: Flaw) -> Diagnostic:
        """`flaw` at its field: the text is parsed once more, which only errors have to pay."""
        file = flaw.place.file
        text = prescan.decode(self._data[file])
        for document in documents_in(text, self._origins[file]):
            start = document.node.start_mark.index
            if (flaw.place.line, flaw.place.column) != place(text, start):
                continue
            key, node = locate(document.node, flaw.path)
            target = node if not isinstance(node.value, list) or key is None else key
            at, end = target.start_mark.index, target.end_mark.index
            end = end if isinstance(target.value, str) else at + 1
            finding = Finding(at, end, flaw.code, flaw.message, flaw.as_diagnostic().path,
                              flaw.suggestion, flaw.severity)  # fmt: skip
            return diagnose(finding, file, text)
        return flaw.as_diagnostic()

    def _shown(self, path: str) -> str:
        directory, _, name = path.rpartition(os.sep)
        if directory not in self._prefixes:  # relpath takes longer than reading a file
            relative = os.path.relpath(path, self._here)
            short = min(relative, path, key=len)
            self._prefixes[directory] = short.removesuffix(name)
        return printable(self._prefixes[directory] + name)


def _renamed(found: Diagnostic, name: str) -> Diagnostic:
    return Diagnostic(name, found.line, found.column, found.path, found.severity, found.code,
                      found.message, found.suggestion, found.excerpt, found.width)  # fmt: skip


def _order(found: Diagnostic) -> tuple[str, int, int, str]:
    return found.file, found.line, found.column, found.message
