"""Session: one conversation with one agent, and the turns it is made of."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from p42.model.plan import Instant

State = Literal["active", "idle", "abandoned", "completed"]
Role = Literal["user", "assistant", "tool"]
IDLE, ABANDONED = 30 * 60.0, 60 * 60.0  # s without a word, as the original had it
OF_PROJECTS = "projectci/"  # begins the ids of conversations on the sockets of projects


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `number` counts from 0. `cut`: the answer broke off here.

    `more` holds what a vendor needs to see again and people do not: tool calls and their ids.
    """

    number: int
    role: Role
    content: str
    at: Instant
    cut: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of a conversation without its turns.

    `command` is the name of what was forged in it, "" = nothing. `summary` tells turns before
    number `summarized` in short. `model` was chosen for it by who speaks, "" = the agent's own.
    """

    id: str
    agent: str
    created: Instant
    last: Instant
    messages: int = 0
    ended: bool = False
    archived: bool = False
    model: str = ""
    title: str = ""  # the first words of the first message
    command: str = ""
    summary: str = ""
    summarized: int = 0
    vendor: str = ""  # the id by which a process agent's own program goes on with it
    # This home's own, and no part of what a conversation is:
    file: str = field(default="", compare=False)  # in memory/sessions; "" = not there yet
    answered: str = field(default="", compare=False)  # the model that answered last

    def state(self, now: Instant) -> State:
        """Where it stands. Any state but completed is a matter of time alone."""
        if self.ended:
            return "completed"
        quiet = now - self.last
        return "active" if quiet < IDLE else "idle" if quiet < ABANDONED else "abandoned"


def is_of_project(session: str) -> bool:
    """Whether an id belongs to a project's socket, in whatever case and width it is written.

    Clients choose ids; who chose this one would speak in the name of who talks to the project.
    """
    return unicodedata.normalize("NFKC", session).strip().casefold().startswith(OF_PROJECTS)


@dataclass(frozen=True, slots=True)
class Hit:
    """A turn that a search found. `excerpt` has the words between U+0002 and U+0003."""

    session: str
    agent: str
    number: int
    role: Role
    at: Instant
    excerpt: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found. `ranked`: of so many turns, the latest that matched, `hits` are the
    best; `more`: earlier ones matched, too."""

    hits: Sequence[Hit] = ()
    ranked: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """Of all conversations there are. `last` None = there are none."""

    sessions: int
    commands: int  # those in which one was made
    last: Instant | None


class Sessions(Protocol):
    """Every conversation, on disk. What is told done is on disk; nothing is ever dropped."""

    def active(self) -> int:
        """How many are active, from memory."""

    async def tally(self) -> Tally:
        """How many there are."""

    async def get(self, session: str) -> Session | None:
        """The conversation of that id, whatever its age."""

    async def begin(self, session: str, agent: str, *, title: str = "") -> Session:
        """That conversation, made if it is not there, taken up again if it was over.

        One that is there keeps its agent.
        """

    async def add(
        self, session: str, role: Role, content: str, *, cut: bool = False,
        more: Mapping[str, Any] | None = None,
    ) -> Turn:  # fmt: skip
        """Append a turn."""

    async def speaking(self, session: str, content: str) -> None:
        """What has been said so far of an answer that goes on. After a crash it is a cut turn."""

    async def turns(self, session: str, *, first: int = 0) -> Sequence[Turn]:
        """Turns from number `first` on, in order."""

    async def change(self, session: str, **fields: Any) -> Session | None:
        """Set fields of the session (ended, archived, model, answered, command, summary,
        summarized, vendor)."""

    async def list(
        self, *, agent: str = "", archived: bool = False, limit: int = 1000
    ) -> Sequence[Session]:
        """The latest first."""

    async def search(self, words: str, *, agent: str = "", limit: int = 50) -> Sequence[Hit]:
        """Turns that hold all of `words`, best first; archived ones too. `agent`: of its own."""

    async def find(self, words: str, *, agent: str = "", limit: int = 50) -> Found:
        """As `search`, and whether all that matched was weighed."""

    async def put(self, session: Session, turns: Sequence[Turn]) -> bool:
        """Take in a whole conversation from elsewhere; False if one of that id is there.

        InvalidInput for what cannot be kept.
        """

    async def delete(self, session: str) -> bool:
        """Forget it with all its turns; whether it was there."""
