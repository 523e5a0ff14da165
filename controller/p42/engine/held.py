"""Held: a change that waits for a person's word, as it is told, and as it is shown to be agreed to.

The sentence in the file is fixed for each reason, filled from the ref alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from p42.engine.gate import Verdict
from p42.model.approval import Why
from p42.model.refs import Ref
from p42.model.resource import Place
from p42.model.status import Status, in_progress

_WHY: dict[Why | Literal[""], str] = {
    "machine": "a model or a tool wrote what it would run",
    "git": "git brought a change of what it would run",
    "pin": "what it would run has changed, and trust is pin",
    "agent": "what it would run has changed where a process agent can write",
}
_BY = "what it would run has changed while {by} could write there"  # not in the file: it passes


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that waits. `old` is what it runs now, b"" = nothing; `new` what it would run."""

    ref: Ref
    why: Why
    digest: str
    place: Place
    old: bytes
    new: bytes
    by: str = ""  # who could write where it stands, of what is held for that
    mishap: str = ""  # what became of the one before

    @property
    def sentence(self) -> str:
        """Why it waits, and what to do."""
        told = _sentence(self.ref, self.why, self.by)
        return f"{told}; {self.mishap}" if self.mishap else told


def held_status(ref: Ref, verdict: Verdict, *, runs_on: bool) -> Status:
    """The status of a name whose change does not pass. `runs_on`: the old version does."""
    if not verdict.why:
        return in_progress("git is at work; who changed what it runs is looked at when it is quiet")
    text = _sentence(ref, verdict.why)
    told = _sentence(ref, verdict.why, verdict.by)
    message = f"{told}; until then the old version runs on" if runs_on else told
    return Status("False", "NeedsApproval", message=message, template=text)


def after(mishap: str, status: Status) -> Status:
    """`status`, of a change that waits, with what became of the one before."""
    return replace(status, message=f"{status.text}; {mishap}") if mishap else status


def _sentence(ref: Ref, why: Why, by: str = "") -> str:
    name = f"{ref.kind.lower()}/{ref.name}"
    return f"{_BY.format(by=by) if by else _WHY[why]}; `p42 approve {name}` shows it"
