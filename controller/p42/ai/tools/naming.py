"""Toolname: what a tool is called where a vendor only takes letters, digits, _ and -."""

from __future__ import annotations

import hashlib
import re

LONGEST = 64  # characters; OpenAI's bound and Anthropic's first one
_OTHER = re.compile(r"[^A-Za-z0-9_-]")


def wire_name(rule: str) -> str:
    """`p42.session.search` to `p42_session_search`, `command/hello` to `command_hello`.

    Names of commands and Integrations hold no _, so no two are the same. Where that does not hold,
    or the name is too long, it ends in a digest of itself: `integration/files/a.b` and `.../a_b`
    are two tools.
    """
    name = _OTHER.sub("_", rule)
    plain = not rule.startswith("integration/") or _OTHER.search(rule.split("/", 2)[-1]) is None
    if plain and len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}_{hashlib.sha256(rule.encode()).hexdigest()[:8]}"
