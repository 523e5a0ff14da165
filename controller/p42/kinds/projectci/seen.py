"""Seen: what there is of a project CI, and the steps that change it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from p42.model.plan import Outcome
from p42.model.sockets import Unit

ELSEWHERE = "elsewhere"  # a unit of the name is held, on a port that is not the leased one


@dataclass(frozen=True, slots=True)
class Mind:
    """What a message would be answered by now: a vendor and a model; "" = nobody knows."""

    provider: str = ""
    model: str = ""


NOBODY = Mind()


@dataclass(frozen=True, slots=True)
class Seen:
    """`lease` is the wish the port was leased under (`auto` or a number), `declared` the digest the
    keeper holds; "" = none. `port` is the leased one, `holder` who else has it, for a person.
    `idle` is the configuration's, in seconds. `mind` is the accounts'.
    """

    lease: str = ""
    declared: str = ""
    port: int = 0
    unit: Unit | None = None
    holder: str = ""
    idle: float = 0.0
    mind: Mind = NOBODY


@dataclass(frozen=True, slots=True)
class Lease:
    """Take a port that stays the same."""

    wish: str

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "a port of this machine" if self.wish == "auto" else f"port {self.wish}"


@dataclass(frozen=True, slots=True)
class Declare:
    """Have the keeper hold the port; a child of another digest is replaced.

    `told`: it is the same but for what answers, and a child that runs is told so.
    """

    wish: str
    always: bool
    changed: bool
    told: bool = False

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        if self.told:
            return "another model answers"
        return "changed; a child that runs is replaced" if self.changed else "its socket"


@dataclass(frozen=True, slots=True)
class Wake:
    """Start the child of an `always` again."""

    crashes: int

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return f"it ended {_times(self.crashes)}" if self.crashes else "it does not run"


@dataclass(frozen=True, slots=True)
class Drop:
    """End its child and close the port."""

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "the manifest is gone"


@dataclass(frozen=True, slots=True)
class Unlease:
    """Give the port back."""

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "the manifest is gone"


Step = Lease | Declare | Wake | Drop | Unlease


def predict(seen: Seen, step: Step) -> Seen:
    """What is there after `step`. ValueError for one that cannot be taken."""
    match step:
        case Lease(wish):
            moved = bool(seen.declared) and seen.lease != wish
            declared = ELSEWHERE if moved else seen.declared
            return replace(seen, lease=wish, declared=declared, holder="")
        case Declare(wish, always, told=told):
            if not seen.lease:
                raise ValueError("no port is leased")
            if told and seen.unit is not None:
                return replace(seen, declared=wish, unit=replace(seen.unit, wish=wish))
            state = "awake" if always else "asleep"
            return replace(seen, declared=wish, unit=Unit(seen.port, wish, state))
        case Wake():
            if seen.unit is None or seen.unit.state != "asleep":
                raise ValueError("there is no child asleep")
            return replace(seen, unit=replace(seen.unit, state="awake"))
        case Drop():
            if not seen.declared:
                raise ValueError("nothing is declared")
            return replace(seen, declared="", unit=None)
        case Unlease():
            if not seen.lease:
                raise ValueError("no port is leased")
            return replace(seen, lease="", port=0, holder="")


def finish(seen: Seen, _outcome: Outcome) -> Seen:
    """No work of this kind is ever in flight."""
    return seen


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times in a row"
