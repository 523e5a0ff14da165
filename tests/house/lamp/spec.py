"""Spec of a lamp: its colour."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

KIND, PLURAL, SHORT = "Lamp", "lamps", "lp"


class LampSpec(BaseModel):
    """A lamp that is lit in one colour."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    colour: Literal["red", "green"] = Field(description="The colour it shines in.")


SPEC = LampSpec
