"""Reading: the text of one file as resources and broken documents."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from p42.manifest import attached, keylike, prescan
from p42.manifest.attached import Attached
from p42.manifest.check import Checker
from p42.manifest.disk import Signature
from p42.manifest.finding import MOST, Finding, Malformed, diagnose_all, place
from p42.manifest.jsontext import JsonText
from p42.manifest.kindbook import API_GROUP, KindBook, KindEntry
from p42.manifest.parse import Document, locate, parse, path_over, show
from p42.manifest.sentences import did_you_mean, shown
from p42.model.look import Broken
from p42.model.refs import Ref, is_name
from p42.model.resource import API_VERSION, Place, Resource, digest_of

_GROUPS = tuple(API_GROUP.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))
NOT_UTF8 = Finding(0, 1, "file-name", "its name is not UTF-8", suggestion="rename it")
LIST = "List"  # what `get` prints several resources as


class Origin(NamedTuple):
    """Where a text comes from. `root` is the source directory; `named`: by a person, in words.

    `lists`: whether a List stands for its items, as in what is piped back from `get -o yaml`.
    """

    file: str
    root: str
    named: bool = False
    lists: bool = False
    leased: bool = True
    digested: bool = True  # whether anybody will ask for digests


class Content(NamedTuple):
    """What a file holds. `ours`: whether any of it is a manifest. `empty`: no document at all."""

    documents: tuple[Resource | Broken, ...] = ()
    ours: bool = False
    empty: bool = False
    attached: dict[str, Signature | None] = {}  # noqa: RUF012 - never changed
    busy: bool = False
    fresh: bool = False
    parsed: bool = True


class Reading:
    """Reads texts by the rules of one kind book."""

    def __init__(self, book: KindBook, checker: Checker) -> None:
        self.book = book
        self._checker = checker
        self._words = tuple(name.encode() for name in book.names)

    def read(self, data: bytes, origin: Origin) -> Content:
        """The content of a file. Malformed bytes are one Broken without a ref."""
        text = ""
        try:
            text = prescan.decode(data)
            documents = list(documents_in(text, origin))
        except Malformed as error:
            text = text or data.decode("utf-8-sig", "replace")
            return Content((whole(error.findings, origin.file, text),), ours=True, parsed=False)
        if not documents:
            return Content(empty=True)
        claimed = [d for d in documents if origin.named or self.claims(d)]
        if not claimed:
            return Content()
        return self._content(claimed, _literals(text, documents), text, origin)

    def may_be_ours(self, data: bytes) -> bool:
        """Whether a file of these bytes can hold a manifest at all; spares parsing the others."""
        if any(group in data for group in _GROUPS):
            return True
        return b"kind" in data and any(word in data for word in self._words)

    def is_ours(self, data: bytes, file: str) -> bool:
        """Whether a file that nobody expected holds a manifest, good or bad."""
        if not self.may_be_ours(data):
            return False
        try:
            found = documents_in(prescan.decode(data), Origin(file, ""))
            return any(self.claims(document) for document in found)
        except Malformed:
            return any(group in data for group in _GROUPS)

    def speaks_of_us(self, data: bytes, content: Content) -> bool:
        """Of a file nobody expected: one that does not parse is ours if it names our group."""
        return content.parsed or any(group in data for group in _GROUPS)

    def claims(self, document: Document) -> bool:
        """Whether the document is a manifest, good or bad."""
        api = document.top("apiVersion")
        if api is None:
            return document.top("kind") in self.book.entries
        return api.startswith(API_GROUP)

    def _content(
        self, claimed: list[Document], literals: dict[int, list[Finding]], text: str, origin: Origin
    ) -> Content:
        found = []
        signatures: dict[str, Signature | None] = {}
        busy = fresh = False
        for document in claimed:
            keys = literals.get(document.node.start_mark.index, [])
            made, extra = self._document(document, keys, text, origin)
            found.append(made)
            signatures.update(extra.signatures)
            busy, fresh = busy or extra.busy, fresh or extra.fresh
        return Content(tuple(found), ours=True, attached=signatures, busy=busy, fresh=fresh)

    def _document(
        self, document: Document, findings: list[Finding], text: str, origin: Origin
    ) -> tuple[Resource | Broken, Attached]:
        line, column = place(text, document.node.start_mark.index)
        where = Place(origin.file, document.index, line, column)
        entry = self.book.entries.get(document.top("kind") or "")
        extra = attached.NOTHING
        value: Any = None
        try:
            value = document.build()
            shape = _head(document, value, self.book, lists=origin.lists) if entry is None else (
                self._checker.check(document, value, entry))  # fmt: skip
            if entry is not None and not shape:
                extra = attached.attach(document, value, entry, manifest=origin.file,
                                        root=origin.root, leased=origin.leased)  # fmt: skip
            findings = [*findings, *shape, *extra.findings]
        except Malformed as error:
            findings = [*findings, *error.findings]
        if findings or entry is None:
            ref = _ref(document, entry)
            return Broken(where, ref, diagnose_all(findings, origin.file, text)), extra
        return _resource(value, where, extra, digested=origin.digested), extra


def encodable(path: str) -> str:
    """`path` with what is not UTF-8 replaced: what leaves this room can be stored and printed."""
    return os.fsencode(path).decode("utf-8", "replace")


def whole(findings: tuple[Finding, ...], file: str, text: str) -> Broken:
    """A file that cannot be taken apart."""
    diagnostics = diagnose_all(findings, file, text)
    return Broken(Place(file, 0, diagnostics[0].line, diagnostics[0].column), None, diagnostics)


def documents_in(text: str, origin: Origin) -> Iterator[Document]:
    """The documents of a decoded text that are not empty; a List as its items."""
    if origin.file.endswith(".json"):
        node = JsonText(text).read()
        documents = [Document(0, node)] if node is not None else []
    else:
        documents = parse(text)
    for document in documents:
        is_list = origin.lists and document.top("kind") == LIST
        key, items = locate(document.node, ("items",)) if is_list else (None, document.node)
        if key is not None and isinstance(items.value, list):
            yield from (Document(document.index, item, document.shared) for item in items.value)
        else:
            yield document


def _head(document: Document, value: Any, book: KindBook, *, lists: bool) -> list[Finding]:
    """What is wrong with a document of no kind of ours."""
    start = document.node.start_mark.index
    if not isinstance(value, dict):
        return [Finding(start, start + 1, "type", "is not a mapping with apiVersion, kind, "
                        "metadata and spec")]  # fmt: skip
    findings = []
    api, kind = value.get("apiVersion"), value.get("kind")
    if api != API_VERSION:
        message = f"{shown(api)} is not {API_VERSION}" if api else "apiVersion is missing"
        findings.append(_at(document, "apiVersion", "enum" if api else "missing-field", message,
                            f"write apiVersion: {API_VERSION}"))  # fmt: skip
    if kind is None:
        findings.append(_at(document, "kind", "missing-field", "kind is missing",
                            f"one of {', '.join(book.names)}"))  # fmt: skip
    elif kind == LIST and not lists:
        findings.append(_at(document, "kind", "unknown-kind", "a List is what `p42 get` prints",
                            "pipe it into `p42 apply -f -`, or write its items here"))  # fmt: skip
    else:
        known = did_you_mean(kind, book.names) or f"known are {', '.join(book.names)}"
        findings.append(_at(document, "kind", "unknown-kind", f"{shown(kind)} is no kind", known))
    return findings


def _at(document: Document, field: str, code: str, message: str, hint: str) -> Finding:
    key, node = locate(document.node, (field,))
    at, end = node.start_mark.index, node.end_mark.index
    there = key is not None
    return Finding(at, end if there else at + 1, code, message, field if there else "", hint)


def _literals(text: str, documents: list[Document]) -> dict[int, list[Finding]]:
    """Key-like literals by where their document begins; comments count to the one before."""
    found: dict[int, list[Finding]] = {}
    for at, end in islice(keylike.spans(text), MOST):
        before = [d for d in documents if d.node.start_mark.index <= at]
        document = before[-1] if before else documents[0]
        path = show(path_over(document.node, at))
        found.setdefault(document.node.start_mark.index, []).append(
            Finding(at, end, "key-literal", "looks like a key, and a manifest is read by many",
                    path, "store it and write keychain:SERVICE/ACCOUNT, env:NAME or file:PATH")
        )  # fmt: skip
    return found


def _ref(document: Document, entry: KindEntry | None) -> Ref | None:
    """The ref of a document that may be broken anywhere else."""
    if entry is None:
        return None
    key, node = locate(document.node, ("metadata", "name"))
    name = node.value if key is not None and key.value == "name" else None
    return Ref(entry.name, name) if isinstance(name, str) and is_name(name) else None


def _resource(value: dict[str, Any], where: Place, extra: Attached, *, digested: bool) -> Resource:
    metadata, spec = value["metadata"], value["spec"]
    return Resource(
        ref=Ref(value["kind"], metadata["name"]),
        place=where,
        spec=spec,
        files=extra.files,
        labels=metadata.get("labels", {}),
        annotations=metadata.get("annotations", {}),
        digest=digest_of(spec, extra.files) if digested else "",
    )
