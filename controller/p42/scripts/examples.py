"""Examples: how small commands are asked for, for a model too small to be told in words.

The model on this machine was never taught to follow instructions: it goes on with what it sees. A
row of such questions and answers it goes on with well, as long as they are short, alike, and free
of quotes within quotes. Larger models are told in words, and see none of this.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from p42.model.completion import Message, Prompt

SYSTEM = "Shell commands for Linux."
LONGEST = 300  # characters of its script; from there on it only rambles
MOST_TOKENS = 200
LONGEST_REQUEST = 400  # characters; the beginning of what was asked says what is wanted
# How freely it speaks, try by try: the same question with the same words is the same mistake.
TEMPERATURES = (0.2, 0.5, 0.7, 0.9)

_SHOWN = (
    ("a command that tells the time", "what-time", "date +%H:%M"),
    ("a command that counts the words in a file", "count-words", 'wc -w "$1"'),
    ("a command that shows the ten newest files", "newest-files", "ls -t | head -n 10"),
    ("a command that says goodbye", "say-goodbye", "echo 'goodbye'"),
    ("a command that thanks somebody by name", "thank-you", "echo 'Thank you,' \"$1\""),
    ("a command that shows how much memory is free", "free-memory", "free -h"),
    ("a command that finds errors in a file", "find-errors", 'grep -i error "$1"'),
    ("a command that makes text lower case", "lower-case", "tr 'A-Z' 'a-z'"),
    ("a command that prints good luck", "good-luck", "echo 'good luck'"),
    ("a command that shows which processes run", "show-processes", "ps aux"),
    ("a command that counts down from five", "count-down", "seq 5 -1 1"),
    ("a command that tells the size of a folder", "folder-size", 'du -sh "$1"'),
    ("a command that shows the last commit", "last-commit", "git log -1 --oneline"),
    ("a command that prints the name of this machine", "machine-name", "uname -n"),
    ("a command that sorts the lines of a file", "sort-lines", 'sort "$1"'),
    ("a command that tells the weekday", "week-day", "date +%A"),
)
_SHAPE: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9-]{1,30}[a-z0-9]$"},
        "implementation": {"type": "string", "minLength": 1, "maxLength": LONGEST},
    },
    "required": ["name", "implementation"],
    "additionalProperties": False,
}


def simply(request: str, *, tries: int = 0) -> Prompt:
    """The question for a bash script that does what `request` says. `tries` failed before."""
    asked = " ".join(request.split())[:LONGEST_REQUEST]
    return Prompt(
        "", (*_turns(), Message("user", asked)), SYSTEM, max_tokens=MOST_TOKENS,
        temperature=warmer(tries), shape=_SHAPE,
    )  # fmt: skip


def warmer(tries: int) -> float:
    """The temperature after so many tries that came to nothing."""
    return TEMPERATURES[min(tries, len(TEMPERATURES) - 1)]


def _turns() -> Iterator[Message]:
    for request, name, script in _SHOWN:
        yield Message("user", request)
        yield Message("assistant", json.dumps({"name": name, "implementation": script}))
