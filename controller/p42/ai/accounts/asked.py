"""Asked: a prompt as the question of an exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from p42.ai.accounts.exchange import Ending
from p42.model.completion import Piece, Prompt, Reply, Usage
from p42.model.models import Provider

LOCAL_MOST = 96  # tokens; the model on this machine rarely ends by itself, and only rambles on
LOCAL_PACE = 2  # tokens a second; two cores manage 20 to 36, and still 4 when all else is busy


@dataclass(frozen=True, slots=True)
class Asked:
    """`prompt` names its model."""

    prompt: Prompt

    @property
    def model(self) -> str:
        """For the price and the journal."""
        return self.prompt.model

    def most(self, provider: Provider) -> tuple[int, int]:
        """The most tokens, in and out."""
        return provider.most_input(self.prompt), self.prompt.max_tokens

    def stream(self, provider: Provider) -> AsyncIterator[Piece]:
        """Ask `provider`."""
        return provider.stream(self.prompt)

    def ending(self, piece: Piece) -> Ending | None:
        """The Reply is the last."""
        return Ending(piece.usage, piece.vendor_id) if isinstance(piece, Reply) else None

    def so_far(self) -> Usage | None:
        """A provider tells its count with the Reply or the Cut, not before."""
        return None


def local(prompt: Prompt, *, seconds: float) -> Prompt:
    """`prompt` as simple as it can be put, with no more tokens than the model here says in
    the time there is.

    An answer that has to follow a shape ends by itself, and is useless when it is cut.
    """
    if prompt.simple is not None:
        prompt = replace(prompt.simple, model=prompt.model)
    most = max(LOCAL_PACE, int(seconds * LOCAL_PACE))
    if prompt.shape is None:
        most = min(LOCAL_MOST, most)
    return replace(prompt, max_tokens=min(prompt.max_tokens, most))
