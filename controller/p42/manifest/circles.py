"""Circles in a graph of needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

Node = TypeVar("Node", bound=Hashable)


def circles(graph: Mapping[Node, Sequence[Node]]) -> Iterator[tuple[Node, ...]]:
    """Circles that together touch every node which lies on one; each a shortest one.

    Every node that `graph` leads to has to be a key of it. Sorted input gives sorted output.
    """
    left = _on_circles(graph)
    for start in graph:
        if start in left:
            circle = _back_to(start, graph)
            left.difference_update(circle)
            yield circle


def _on_circles(graph: Mapping[Node, Sequence[Node]]) -> set[Node]:
    """Nodes that may lie on a circle: what remains when ends are taken off again and again.

    Those between two circles remain too; `_back_to` finds no way for them.
    """
    left = set(_peeled(graph))
    return {node for node in left if _back_to(node, graph)}


def _peeled(graph: Mapping[Node, Sequence[Node]]) -> set[Node]:
    into: dict[Any, list[Node]] = {}
    count = {node: len(after) for node, after in graph.items()}
    for node, after in graph.items():
        for other in after:
            into.setdefault(other, []).append(node)
    ends = deque(node for node, number in count.items() if number == 0)
    left = set(graph)
    while ends:
        node = ends.popleft()
        left.discard(node)
        for other in into.get(node, ()):
            count[other] -= 1
            if count[other] == 0:
                ends.append(other)
    return left


def _back_to(start: Node, graph: Mapping[Node, Sequence[Node]]) -> tuple[Node, ...]:
    """The shortest way from `start` back to it, () if there is none."""
    ways: deque[tuple[Node, ...]] = deque([(start,)])
    seen: set[Node] = set()
    while ways:
        way = ways.popleft()
        for node in graph[way[-1]]:
            if node == start:
                return way
            if node not in seen:
                seen.add(node)
                ways.append((*way, node))
    return ()
