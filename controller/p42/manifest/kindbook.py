"""Kind book: what reading and checking need to know of the kinds, told by their schemas alone.

Neither a kind nor pydantic is imported. The folders under `p42/kinds` say which kinds there are;
a folder whose schema was not generated yet (a kind just dropped in) has it made in memory, and only
then its spec is imported.
"""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH112, PTH113, PTH120, PTH123
from __future__ import annotations

import importlib
import importlib.util
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path  # 5 ms at run time, for nothing more than joins

Schema = dict[str, Any]
Marked = tuple[str, ...]  # a path into a document; "*" stands for any item or any key

API_GROUP = "p42.dev/"  # what every apiVersion of ours begins with
_KINDS = "p42.kinds"


class KindEntry(NamedTuple):
    """One kind. `schema` is that of a whole document."""

    name: str  # "Command"
    plural: str  # "commands"
    short: str  # "cmd"
    folder: str
    schema: Schema
    files: tuple[Marked, ...]  # where the spec names files
    refs: tuple[tuple[Marked, str], ...]  # where it names resources, and of which kind
    defaulted: tuple[tuple[Marked, str], ...]  # references that fall to the default of a kind
    locks: tuple[Marked, ...] = ()  # where it gives what is pinned in a lock beside the manifest
    texts: tuple[Marked, ...] = ()  # those of `files` that are UTF-8 text and not empty


class KindBook:
    """The kinds by name."""

    def __init__(self, entries: Iterable[KindEntry]) -> None:
        self.entries: Mapping[str, KindEntry] = {e.name: e for e in sorted(entries)}
        self._words: dict[str, KindEntry] = {}
        for entry in self.entries.values():
            for word in (entry.name, entry.plural, entry.short):
                self._words[word.lower()] = entry

    @classmethod
    def load(cls, schema_dir: Path | None = None, kinds_dir: Path | None = None) -> KindBook:
        """Read the generated schemas. Defaults: those of this installation."""
        where = generated() if schema_dir is None else str(schema_dir)
        folders = kind_folders(None if kinds_dir is None else [str(kinds_dir)])
        return cls(entry(folder, _schema(folder, where)) for folder in folders)

    @property
    def names(self) -> tuple[str, ...]:
        """All kind names, sorted."""
        return tuple(self.entries)

    def find(self, word: str) -> KindEntry | None:
        """The kind meant by `word`: name, plural or short name in any case."""
        return self._words.get(word.lower())


def entry(folder: str, schema: Schema) -> KindEntry:
    """The entry of one kind, from its schema."""
    about = schema["x-p42"]
    marks = list(annotated(schema))
    return KindEntry(
        name=about["kind"],
        plural=about["plural"],
        short=about["short"],
        folder=folder,
        schema=schema,
        files=tuple(path for path, word, _ in marks if word == "x-p42-file"),
        refs=tuple((path, kind) for path, word, kind in marks if word == "x-p42-refers"),
        defaulted=tuple((path, kind) for path, word, kind in marks if word == "x-p42-default-of"),
        locks=tuple(path for path, word, _ in marks if word == "x-p42-lock"),
        texts=tuple(path for path, word, _ in marks if word == "x-p42-text"),
    )


def annotated(schema: Schema) -> Iterator[tuple[Marked, str, Any]]:
    """Path, keyword and value of every `x-p42-...` inside the `spec` of a document schema."""
    spec = schema.get("properties", {}).get("spec", {})
    seen = set()
    for path, node in walk(spec, schema, ("spec",)):
        for word, value in node.items():
            if word.startswith("x-p42-") and (path, word) not in seen:
                seen.add((path, word))
                yield path, word, value


def walk(node: Any, root: Schema, path: Marked = ()) -> Iterator[tuple[Marked, Schema]]:
    """Every subschema with the path of the values it describes. Recursion is cut at depth 12."""
    if not isinstance(node, dict) or len(path) > 12:  # deeper than any spec; ends recursive ones
        return
    node = deref(node, root)
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(child, root, (*path, name))
    for word in ("items", "additionalProperties"):
        yield from walk(node.get(word), root, (*path, "*"))
    for word in ("anyOf", "oneOf", "allOf"):
        for child in node.get(word, ()):
            yield from walk(child, root, path)
    for word in ("then", "else"):
        yield from walk(node.get(word), root, path)


def deref(node: Schema, root: Schema) -> Schema:
    """`node` with a local `$ref` replaced by what it points at; what stands beside it wins."""
    while "$ref" in node:
        target: Any = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def kind_folders(search: Iterable[str] | None = None) -> tuple[str, ...]:
    """Names of the kind folders, without importing one: directories that hold a `spec.py`."""
    if search is None:
        spec = importlib.util.find_spec(_KINDS)
        search = (spec.submodule_search_locations or ()) if spec is not None else ()
    found: set[str] = set()
    for place in search:
        with os.scandir(place) as entries:
            found.update(e.name for e in entries if os.path.isfile(f"{e.path}/spec.py"))
    return tuple(sorted(found))


def generated() -> str:
    """Where the generated schemas lie: in the package (a wheel) or beside the sources."""
    here = os.path.dirname(__file__)
    packed = f"{here}/schemas"
    return packed if os.path.isdir(packed) else os.path.normpath(f"{here}/../../../schemas")


def _schema(folder: str, where: str) -> Schema:
    try:
        with open(f"{where}/{folder}.schema.json", "rb") as file:
            text = file.read()
    except FileNotFoundError:
        made: Schema = importlib.import_module("p42.manifest.schemas").generate(folder)
        return made
    loaded: Schema = json.loads(text)
    return loaded
