"""Notes: what the manifest of a command that came out of a conversation says of its origin.

The first is more than a note: a manifest that bears it says that a machine made what it declares,
and waits for a person's word wherever it is read.
"""

from __future__ import annotations

FORGED_BY = "p42.dev/forged-by"  # agent/NAME: who wrote it; the mark of a machine-made manifest
FORGED_IN = "p42.dev/forged-in"  # the session it came out of
FORGED_MODEL = "p42.dev/forged-model"
NOTES = (FORGED_BY, FORGED_IN, FORGED_MODEL)
