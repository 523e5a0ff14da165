"""Resource: one good document of a manifest, read, checked and digested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from p42.model.refs import Ref

API_VERSION = "p42.dev/v1"
DIGEST_LENGTH = 12  # hex digits: 48 bits tell a person's manifests apart for ever


class Annotation:
    """The annotations that mean something to the engine."""

    PAUSED = "p42.dev/paused"
    DELETION = "p42.dev/deletion-policy"
    ADOPT = "p42.dev/adopt"
    HEAL = "p42.dev/heal"
    STATUS = "p42.dev/status"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands. `document` counts from 0; line and column from 1."""

    file: str  # absolute path; "-" never occurs: standard input is kept as a file
    document: int
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A document that passed every check that can be made on it alone.

    `spec` is as written, without defaults. `files` holds the bytes of every file the spec names,
    by the name the spec uses. `digest` is `observedSpec`: it covers spec and files, no metadata.
    """

    ref: Ref
    place: Place
    spec: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""


def digest_of(spec: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """`observedSpec`: the first 12 hex digits of sha256 over canonical JSON of spec and files."""
    body = {"spec": spec, "files": {k: hashlib.sha256(v).hexdigest() for k, v in files.items()}}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
