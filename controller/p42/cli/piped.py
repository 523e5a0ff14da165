"""Piped: the manifests on standard input, as text that can be sent on."""

from __future__ import annotations

import sys

from p42.manifest import prescan
from p42.manifest.finding import Malformed, diagnose_all
from p42.model.errors import InvalidInput

NAME = "<stdin>"


def read() -> str:
    """All of it. InvalidInput, with the place, if it is too long or no UTF-8 text."""
    data = sys.stdin.buffer.read(prescan.SIZE_LIMIT + 1)
    try:
        return prescan.decode(data)
    except Malformed as error:
        found = diagnose_all(error.findings, NAME, data.decode("utf-8-sig", "replace"))
        raise InvalidInput(
            "what came in does not hold; nothing was done", diagnostics=found
        ) from None
