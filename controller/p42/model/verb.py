"""Verb: something that can be asked of p42. One table of them; doors only translate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

Takes = TypeVar("Takes")
Gives = TypeVar("Gives")


class Effect(StrEnum):
    """What asking it does to the world; doors refuse by it."""

    READ = "read"
    WRITE = "write"
    PERSON = "person"  # only a person may: control socket, or HTTP with the admin scope


class Door(StrEnum):
    """Where it can be asked."""

    CONTROL = "control"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Last(Generic[Gives]):
    """What a streaming verb yields last: the usual reply. Everything before it is progress."""

    reply: Gives


@dataclass(frozen=True, slots=True)
class Verb(Generic[Takes, Gives]):
    """`do(world, request)` answers with `Gives`; with `streams`, with an iterator of them.

    `takes` is a frozen dataclass: a door builds it strictly from JSON, unknown keys are errors.
    `legacy` marks the request types of the original Port 42 protocol. `named`: the request's own id
    is a field `id` of what it takes (a session's, in the original). `private`: it tells what people
    said, or speaks in a person's name; not for programs that p42 started.
    """

    name: str
    summary: str
    takes: type[Takes]
    gives: type[Gives]
    effect: Effect
    doors: frozenset[Door]
    do: Callable[[Any, Takes], Awaitable[Gives]] | Callable[[Any, Takes], AsyncIterator[Any]]
    streams: bool = False
    legacy: bool = False
    named: bool = False
    private: bool = False
    needs_payload: bool = False  # absent is an error, where null is not
