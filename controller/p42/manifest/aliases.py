"""Aliases: documents in which one node stands in several places.

Built once and shared, a bomb of nested aliases costs nothing; what it would cost everyone after us
(the validator, the digest, a reply) is counted here and bounded: size, and depth, which grows
through aliases without any nesting of the text.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode

from p42.manifest.prescan import ALIAS_LIMIT, DEPTH_LIMIT
from p42.manifest.values import Builder

SCALAR_WEIGHT = 64  # characters of text that weigh as much as one value


class _Built(NamedTuple):
    value: Any
    size: int  # values, as they would stand without aliases
    height: int  # collections below and including it


class SharingBuilder(Builder):
    """A Builder that meets nodes again."""

    def __init__(self) -> None:
        super().__init__()
        self._built: dict[int, _Built] = {}  # by id of the node; the tree keeps them alive
        self._open: set[int] = set()  # ids of the collections around the current node
        self._left = ALIAS_LIMIT

    def build(self, node: Node, depth: int = 0) -> Any:
        """As in Builder; an alias gives the very value of its anchor."""
        key = id(node)
        if key in self._open:
            self.note(node, "alias", "holds itself through an alias")
            return None
        built = self._built.get(key)
        if built is not None:
            return self._again(node, built, depth)
        self._open.add(key)
        value = super().build(node, depth)
        self._open.discard(key)
        self._built[key] = self._measured(node, value)
        return value

    def _again(self, node: Node, built: _Built, depth: int) -> Any:
        before = self._left
        self._left -= built.size
        if self._left < 0:
            if before >= 0:
                message = f"aliases stand for more than {ALIAS_LIMIT:,} values"
                self.note(node, "alias", message, suggestion="write the values out")
            return None
        if depth + built.height > DEPTH_LIMIT:
            self.deep(node)
            return None
        return built.value

    def _measured(self, node: Node, value: Any) -> _Built:
        if type(node) is ScalarNode:
            return _Built(value, 1 + len(node.value) // SCALAR_WEIGHT, 0)
        pairs = node.value if type(node) is MappingNode else [(None, item) for item in node.value]
        known = [self._built[id(child)] for _, child in pairs if id(child) in self._built]
        size = 1 + sum(built.size for built in known)
        return _Built(value, size, 1 + max((built.height for built in known), default=0))
