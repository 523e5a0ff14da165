"""Language: what a command may be written in."""

from __future__ import annotations

from typing import Literal

Language = Literal["bash", "python", "node"]
