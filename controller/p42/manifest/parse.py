"""Parse: text to documents whose every node knows where it stands.

libyaml composes (22 times faster than Python's own parser), behind the pre-scan. Marks count
characters, not bytes, whatever went in; their line is not used, because libyaml breaks lines at
characters that editors do not. A byte order mark is taken off before, so offset 0 is the first
character a person sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from p42.manifest import collector, prescan
from p42.manifest.aliases import SharingBuilder
from p42.manifest.finding import Finding, Malformed
from p42.manifest.values import MAP, NULL, SEQ, STR, Builder, plain_tag

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file that is not empty. `index` counts all of them from 0."""

    index: int
    node: Node
    shared: bool = False  # whether nodes may stand in several places

    def top(self, key: str) -> str | None:
        """The string under a top-level `key`; None if there is none. Cheap: nothing is built."""
        if type(self.node) is MappingNode:
            for name, value in self.node.value:
                if name.value == key and type(name) is ScalarNode:
                    return value.value if type(value) is ScalarNode else ""
        return None

    def build(self) -> Any:
        """The JSON value. Malformed with all that is wrong in it."""
        builder = SharingBuilder() if self.shared else Builder()
        value = builder.build(self.node)
        if builder.findings:
            raise Malformed(
                *(f._replace(path=show(path_over(self.node, f.at))) for f in builder.findings)
            )
        return value


class _Composer(CParser):
    """libyaml with the scalars of YAML 1.2 core; its hooks are called from C for every node."""

    def resolve(self, kind: type[Node], value: str | None, implicit: Any) -> str:
        if kind is ScalarNode:
            return plain_tag(value or "") if implicit[0] else STR
        return MAP if kind is MappingNode else SEQ

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Nothing: paths do not change tags here."""

    def ascend_resolver(self) -> None:
        """Nothing: see `descend_resolver`."""


def parse(text: str) -> list[Document]:
    """All documents of a YAML text but empty ones. Malformed if it is none."""
    prescan.scan(text)
    composer = _Composer(text)
    shared = "*" in text and "&" in text
    documents = []
    number = 0
    try:
        with collector.paused():
            while composer.check_node():
                node: Any = composer.get_node()
                if not (node.tag == NULL and node.value == ""):
                    documents.append(Document(number, node, shared))
                number += 1
    except yaml.YAMLError as error:
        raise Malformed(_finding(error, text)) from None
    return documents


def locate(node: Node, path: Path) -> tuple[Node | None, Node]:
    """Key node (None for an item or the root) and value node at `path`, or of its last parent."""
    key: Node | None = None
    for part in path:
        found = _child(node, part)
        if found is None:
            break
        key, node = found
    return key, node


def path_over(node: Node, at: int) -> Path:
    """The path of the innermost key or value that spans offset `at`."""
    path: Path = ()
    while type(node) is not ScalarNode and len(path) <= prescan.DEPTH_LIMIT:
        for part, key, child in _children(node):
            if key is not None and _spans(key, at):
                return (*path, part)
            if _spans(child, at):
                node, path = child, (*path, part)
                break
        else:
            break
    return path


def show(path: Path) -> str:
    """`("spec", "tests", 0)` as `spec.tests[0]`."""
    parts = []
    for part in path:
        plain = isinstance(part, str) and part and not set(part) & set(".[]/ ")
        parts.append(
            f".{part}" if plain else f"[{part!r}]" if isinstance(part, str) else f"[{part}]"
        )
    return "".join(parts).removeprefix(".")


def _spans(node: Node, at: int) -> bool:
    return bool(node.start_mark.index <= at < node.end_mark.index)


def _child(node: Node, part: str | int) -> tuple[Node | None, Node] | None:
    if isinstance(part, int):
        is_item = type(node) is SequenceNode and part < len(node.value)
        return (None, node.value[part]) if is_item else None
    if type(node) is MappingNode:
        for key, value in node.value:
            if type(key) is ScalarNode and key.value == part:
                return key, value
    return None


def _children(node: Node) -> Iterator[tuple[str | int, Node | None, Node]]:
    if type(node) is SequenceNode:
        yield from ((index, None, item) for index, item in enumerate(node.value))
    elif type(node) is MappingNode:
        for key, value in node.value:
            yield str(key.value) if type(key) is ScalarNode else "?", key, value


_PLAIN_WORDS = {
    "did not find expected key": "expected a key here; look at the indentation",
    "did not find expected '-' indicator": "expected a list item here; look at the indentation",
    "mapping values are not allowed in this context": "no colon is expected here; quote the text",
    "could not find expected ':'": "expected a colon after the key",
    "second occurrence": "found duplicate anchor",
    "did not find expected <document start>": "expected the end of the document here",
}


def _finding(error: yaml.YAMLError, text: str) -> Finding:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem is not None:
        mark = error.problem_mark or error.context_mark
        at = min(mark.index, max(0, len(text) - 1)) if mark is not None else 0
        problem = str(_PLAIN_WORDS.get(error.problem, error.problem))
        if text[at : at + 1] == "\t":
            problem = "a tab cannot indent YAML; use spaces"
        if "undefined alias" in problem or "duplicate anchor" in problem:
            return Finding(at, at + 1, "alias", problem)
        return Finding(at, at + 1, "not-yaml", f"not YAML: {problem}")
    return Finding(0, 1, "not-yaml", f"not YAML: {error}")
