"""Seen and steps of a Command: what stands at its path, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MODE = 0o755

Form = Literal["absent", "file", "directory", "link", "other"]
Trial = Literal["none", "unknown", "running", "passed", "failed"]
Stage = Literal["", "ask", "check", "over"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there.

    `claimed`: this home wrote down that the path is its own. `marked`: the bytes carry our marker
    for this name, or are the ones that this home wrote down as placed without one. `rival` is
    another program, or the shell's own word, of that name ("" = none). `trial` is how the declared
    tests went for exactly these inputs, or the forging of a prompt that has no lock yet; `work` is
    the id. `stage` of a forging: a model is asked; its answer is tried; no answer is good enough.
    """

    form: Form = "absent"
    mode: int = 0
    data: bytes = b""
    claimed: bool = False
    marked: bool = False
    rival: str = ""
    interpreter: str = ""  # the missing one; "" = it is there
    lock: bytes | None = None  # what stands beside the manifest now, not when it was read
    stage: Stage = ""
    result: bytes = b""  # of the asking in `work`, once it ended; else the answer that is tried
    machine: bool = False  # whether it is written down that a model makes it
    approved: bool = False  # whether somebody agreed to what it executes
    vouched: bool = False  # whether the lock says so, and git brought it
    missing: tuple[str, ...] = ()  # dependencies that are not installed
    installer: bool = True  # whether install-deps.sh is as it should be, or none of ours
    trial: Trial = "none"
    verdict: str = ""  # the first failure
    mishap: str = ""  # that the answer before the one in the lock failed, and how
    work: str = ""

    @property
    def ours(self) -> bool:
        """Whether what stands there may be overwritten."""
        return self.claimed or self.marked

    @property
    def foreign(self) -> bool:
        """Whether something stands there that p42 did not make."""
        return self.form != "absent" and not self.ours


@dataclass(frozen=True, slots=True)
class StartTests:
    """Begin the declared tests on the new version; the old one stays meanwhile."""

    work: str
    count: int

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return f"run {self.count} test{'s' if self.count != 1 else ''} first"


@dataclass(frozen=True, slots=True)
class Mark:
    """Write down that a model makes it, before it does: from then on it is held until approved."""

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "what a model writes for it waits for approval"


@dataclass(frozen=True, slots=True)
class Agree:
    """Write down that its lock, which git brought, says what a person agreed to."""

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "approved in its lock, which git brought"


@dataclass(frozen=True, slots=True)
class StartForge:
    """Begin to ask a model; the old version stays meanwhile."""

    work: str
    whom: str

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return f"ask {self.whom} for a script"


@dataclass(frozen=True, slots=True)
class StartCheck:
    """Begin to try what a model answered: read by its interpreter, tested in a sandbox."""

    work: str

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "the answer is read and tested in a sandbox"


@dataclass(frozen=True, slots=True)
class Pin:
    """Write what the model answered into the lock. `was`: what stands there now, None = nothing.

    `dropped`: earlier versions that the file has no room for.
    """

    data: bytes
    was: bytes | None
    dropped: int = 0

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        lost = (
            f"; {self.dropped} of the oldest versions found no room in it" if self.dropped else ""
        )
        return ("its lock is changed" if self.was else "its lock is new") + lost


@dataclass(frozen=True, slots=True)
class Sign:
    """Write the approval into the lock, for whoever gets it by git."""

    data: bytes
    was: bytes

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "its lock says that it is approved"


@dataclass(frozen=True, slots=True)
class SetAside:
    """Move what stands at the path out of the way; it is kept."""

    form: Form

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return f"the {self.form} that is there is kept in commands/.p42/"


@dataclass(frozen=True, slots=True)
class Claim:
    """Write down that the path is ours, before anything is put there.

    `as_it_is`: what stands there and was not ours is already what it should be.
    """

    adopted: bool = False
    as_it_is: bool = False

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "adopt the name" if self.adopted else "claim the name"


@dataclass(frozen=True, slots=True)
class PlaceInstaller:
    """Put `install-deps.sh` into the home."""

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "install-deps.sh"


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Put the forged bytes at the path, executable."""

    data: bytes
    why: Literal["new", "changed"]

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return f"{self.why}, {len(self.data)} bytes"


@dataclass(frozen=True, slots=True)
class SetMode:
    """Make it executable again."""

    was: int

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return f"mode {self.was:04o} to {MODE:04o}"


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Delete the file; only ever one that carries our marker."""

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "the manifest is gone"


@dataclass(frozen=True, slots=True)
class Unclaim:
    """Forget that the path is ours; the last step."""

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "give the name back"


Step = (
    StartTests
    | Mark
    | Agree
    | StartForge
    | StartCheck
    | Pin
    | Sign
    | SetAside
    | Claim
    | PlaceInstaller
    | WriteFile
    | SetMode
    | RemoveFile
    | Unclaim
)
