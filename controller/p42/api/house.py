"""House: what the daemon tells the verbs about itself, and the one thing they may ask of it: stop.

It stands in `World.house`; `engine_of` and `house_of` give verbs both with their types.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from p42.config.settings import Settings
from p42.model.instructions import Instructions
from p42.model.kind import AnyKind
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.sockets import Unit
from p42.model.tokens import Token

if TYPE_CHECKING:
    from p42.engine.engine import Engine
    from p42.manifest.kindbook import KindBook
    from p42.runtimes.projectpage import ProjectPages
    from p42.runtimes.terminals import Terminals
    from p42.stores.event import Event
    from p42.stores.forwards import SqliteForwards


class Doors(Protocol):
    """A listener, the TCP gateway or the HTTP door, as far as verbs tell of it."""

    @property
    def port(self) -> int | None:
        """The port it listens on; None = on none."""

    @property
    def note(self) -> str:
        """What is not as asked, and how to mend it; "" = nothing."""


class Events(Protocol):
    """The reading side of the journal."""

    def recent(self, ref: Ref | None, limit: int) -> Sequence[Event]:
        """The last `limit` events of `ref` (None = of all), oldest first."""

    def follow(self) -> AsyncIterator[Event]:
        """Events as they are noted, until closed."""


class Tokens(Protocol):
    """The keys to the HTTP door, as far as verbs work on them."""

    def all(self) -> Sequence[Token]:
        """The person's own, oldest first."""

    async def create(
        self, *, name: str, scopes: Sequence[str], lifetime: float | None
    ) -> tuple[Token, str]:
        """A new one, and its secret. `lifetime` in seconds, None = until revoked."""

    async def revoke(self, which: str) -> Token:
        """End it, by its id or the only id that begins so. P42Error if there is none."""


@dataclass(frozen=True, slots=True)
class House:
    """`started` in the clock's monotonic seconds. `modes` tells how status reaches a directory."""

    settings: Settings
    kinds: Mapping[str, AnyKind]
    book: KindBook
    doors: Doors
    events: Events
    started: float
    database_lost: bool
    modes: Callable[[str], str]
    written: Callable[[Ref], str]  # where its status went: "inline", "sidecar: WHY"; "" = nowhere
    flush: Callable[[], Awaitable[None]]  # until every status that waits has been written
    stop: Callable[..., None]  # (keep=True): the children live on
    units: Callable[[], Mapping[Ref, Unit]]  # every socket that is held
    owner: Callable[[str], Ref | None]  # whose token it is
    messages: Callable[[Ref, int], list[dict[str, Any]]]  # the last so many; blocking
    web: Doors
    tokens: Tokens
    forwards: SqliteForwards
    terminals: Terminals
    pages: ProjectPages
    instructions: Instructions


def engine_of(world: World) -> Engine:
    """The engine, typed."""
    engine: Engine = world.engine
    return engine


def house_of(world: World) -> House:
    """The house, typed."""
    house: House = world.house
    return house
