"""Forge sheet: the manifest of a command that a model wrote, as text, and what of it is new.

What a person added to it (tests, a sandbox, labels) stays when the model writes a new version;
rights come from people alone. No time is in it: the same words give the same bytes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from p42.ai.forge.naming import KIND
from p42.manifest.kindbook import KindBook
from p42.manifest.read import Reader
from p42.model.look import Broken
from p42.model.refs import Ref
from p42.model.resource import API_VERSION, Resource
from p42.scripts.draft import Draft
from p42.scripts.notes import FORGED_BY, FORGED_IN, FORGED_MODEL
from p42.scripts.reply import Unfit
from p42.scripts.yamltext import flow, literal, scalar

_OURS = (FORGED_BY, FORGED_IN, FORGED_MODEL)
_FROM_MODEL = ("description", "language", "dependencies", "source")
_STATUS = re.compile(r"^status:.*", re.MULTILINE | re.DOTALL)  # a script's lines are indented
_STRANGE = re.compile(r"[^\x21-\x7e]+")
LONGEST_WORD = 200  # characters of an id that somebody else chose


@dataclass(frozen=True, slots=True)
class Origin:
    """Where it came from. Sessions' ids and models' names are other people's words: cleaned."""

    agent: str
    session: str
    model: str

    @property
    def annotations(self) -> Mapping[str, str]:
        """As the manifest tells it."""
        told = (f"agent/{self.agent}", self.session, self.model)
        return {key: cleaned(word) for key, word in zip(_OURS, told, strict=True) if word}

    def wrote(self, notes: Mapping[str, str]) -> bool:
        """Whether these are of a manifest by the same agent, or out of the same session."""
        ours = self.annotations
        return FORGED_BY in notes and any(
            key in ours and notes.get(key) == ours[key] for key in (FORGED_BY, FORGED_IN)
        )


def cleaned(word: str) -> str:
    """An id that somebody else chose, as it stands in a note."""
    return _STRANGE.sub("-", word)[:LONGEST_WORD]


@dataclass(frozen=True, slots=True)
class Kept:
    """What of the manifest that is there goes on into the next."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, old: Resource) -> Kept:
        """All but what the model wrote and where it came from."""
        notes = {k: v for k, v in old.annotations.items() if k not in _OURS}
        spec = {k: v for k, v in old.spec.items() if k not in _FROM_MODEL}
        return cls(old.labels, notes, spec)


def sheet(name: str, draft: Draft, origin: Origin, kept: Kept) -> str:
    """The manifest's text."""
    metadata: dict[str, Any] = {"name": name}
    if kept.labels:
        metadata["labels"] = dict(kept.labels)
    metadata["annotations"] = {**origin.annotations, **kept.annotations}
    head = yaml.safe_dump(
        {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata},
        sort_keys=False, allow_unicode=True, width=10_000,
    )  # fmt: skip
    lines = [*_lines(draft, kept), f"source: {literal(draft.source, 4)}".removesuffix("\n")]
    return head + "spec:\n" + "".join(f"  {line}\n" for line in lines)


def spec_of(draft: Draft, kept: Kept) -> Mapping[str, Any]:
    """The spec that `sheet` declares, as it is read back."""
    spec: dict[str, Any] = {"language": draft.language, **kept.spec, "source": draft.source}
    if draft.description:
        spec["description"] = draft.description
    if draft.dependencies:
        spec["dependencies"] = list(draft.dependencies)
    if draft.tests:
        spec["tests"] = [dict(test) for test in draft.tests]
    return spec


def look(book: KindBook, name: str, data: bytes) -> Resource:
    """What `data` declares, by the rules of any manifest. Unfit unless it is that one command."""
    with TemporaryDirectory(prefix="p42-") as directory:
        path = Path(directory).resolve() / f"{name}.yaml"
        path.write_bytes(data)
        documents = Reader(book).look_file(str(path), str(path)).documents
    if len(documents) != 1:
        raise Unfit("its manifest would hold more than one document")
    (document,) = documents
    if isinstance(document, Broken):
        first = document.diagnostics[0]
        where = f"{first.path}: " if first.path else ""
        raise Unfit(f"its manifest would not hold: {where}{first.message}")
    if document.ref != Ref(KIND, name):
        raise Unfit(f"its manifest would declare {document.ref}")
    return document


def without_status(text: str) -> str:
    """A manifest of ours without the block that p42 appends to it."""
    return _STATUS.sub("", text)


def difference(file: str, old: str, new: str) -> str:
    """What changes in the manifest `file`, for a person; "" = nothing."""
    before = old.splitlines(keepends=True)
    parts = difflib.unified_diff(
        before, new.splitlines(keepends=True), f"a/{file}" if old else "/dev/null", f"b/{file}"
    )
    return "".join(parts)


def _lines(draft: Draft, kept: Kept) -> list[str]:
    """Everything but the script, a field a line."""
    spec = {k: v for k, v in spec_of(draft, kept).items() if k != "source"}
    order = [key for key in _FROM_MODEL if key in spec]
    order += [key for key in spec if key not in order]
    return [f"{key}: {scalar(v) if isinstance(v, str) else flow(v)}"
            for key in order for v in (spec[key],)]  # fmt: skip
