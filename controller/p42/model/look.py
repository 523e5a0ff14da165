"""Look: what one reading of a file or a source showed. All the engine's catalog lives on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from p42.model.diagnostic import Diagnostic
from p42.model.refs import Ref
from p42.model.resource import Place, Resource


@dataclass(frozen=True, slots=True)
class Broken:
    """A document, or a whole file, that does not hold. `ref` is None where it cannot be told."""

    place: Place
    ref: Ref | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class FileLook:
    """One file, read once.

    `read`: `documents` has one entry for each document that is a manifest, in order; a file that
    does not parse has one Broken with ref None. `missing`: nothing is there. `unreadable`: it is
    there and cannot be read; `documents` has one Broken saying why. `busy`: somebody is writing;
    look again soon, nothing is known. `foreign`: it holds no manifest of ours.
    """

    path: str
    state: Literal["read", "missing", "unreadable", "busy", "foreign"]
    documents: tuple[Resource | Broken, ...] = ()
    data: bytes = b""  # the bytes read: for the proper-prefix rule and for equality
    empty: bool = False  # no document at all, or only empty ones
    warnings: tuple[
        Diagnostic, ...
    ] = ()  # of the file as a whole; its documents count all the same


@dataclass(frozen=True, slots=True)
class SourceLook:
    """One source (a directory or a file named to `apply`), walked once.

    `gone` = the path itself is missing or unreadable: then `files` is empty and means nothing.
    """

    source: str
    files: tuple[FileLook, ...]
    gone: str = ""  # why, for a person; "" = it is there


SPEC = ""  # the part of a document that is its spec; other parts are the files it names


@dataclass(frozen=True, slots=True)
class Traced:
    """What git knows of a document. `head` is the commit, "" = no work tree, or git cannot tell.

    `busy`: git is in the middle of something, and shows neither the old state nor the new one.
    `equal`: the parts that are what HEAD has; none outside a work tree, all where git cannot tell.
    `exact`: those files of which the bytes read are HEAD's, and nothing less will do.
    """

    head: str = ""
    busy: bool = False
    equal: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()
