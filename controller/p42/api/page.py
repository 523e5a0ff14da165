"""Page: `docs/verbs.md`, written from the table. `python -m p42.api.page` prints it."""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

from p42.api.asking import on_the_wire
from p42.api.verbs import VERBS, AnyVerb

INTRO = """\
# Verbs: what can be asked of p42

Written from the table in `controller/p42/api/verbs.py` by `python -m p42.api.page`; a test holds
page, table and doors together. Each is one request of the Port 42 protocol, on the control socket
(`run/p42.sock` under the home) or on the gateway (127.0.0.1:42, else 4242):

    {"type": "describe", "id": "1", "payload": {"ref": "command/hello"}}
    {"id": "1", "success": true, "data": {...}}

A verb that streams sends `{"id": "1", "stream": {...}}` for each part when the request has
`"stream": true`, and the usual reply last. An error is `{"id", "success": false, "error": TEXT}`
with `code`, the exit code of the command line, and `diagnostics` where a manifest is wrong. A
`code` in the data is the exit code where done is not all there is to say (2 = drift).

Effect: `read` changes nothing, `write` only makes p42 look again, `person` is for the user alone
and never on the gateway. `private` tells what people said or speaks in their name: not for programs
that p42 started, on neither door.
With `gateway.auth = "token"` requests on the gateway also carry a [`"token"`](http.md).
"""
_NAMES = {str: "text", bool: "true or false", int: "number", float: "number", type(None): "null"}


def page() -> str:
    """The whole page."""
    rows = ["| verb | | effect | doors |", "|---|---|---|---|"]
    rows += [_row(verb) for verb in VERBS.values()]
    details = "\n".join(_detail(verb) for verb in VERBS.values())
    return "\n".join([INTRO, *rows, "", details])


def _row(verb: AnyVerb) -> str:
    doors = ", ".join(sorted(verb.doors))
    marks = {verb.effect: True, "private": verb.private, "streams": verb.streams}
    told = ", ".join(word for word, holds in marks.items() if holds)
    return f"| [`{verb.name}`](#{verb.name}) | {verb.summary} | {told} | {doors} |"


def _detail(verb: AnyVerb) -> str:
    fields = list(_fields(verb.takes))
    lines = [f"## {verb.name}", "", verb.summary + ("" if verb.summary.endswith("?") else ".")]
    if fields:
        # What a dataclass says of itself where nobody wrote anything is of no use here.
        said = "" if (verb.takes.__doc__ or "").startswith(verb.takes.__name__) else _prose(verb)
        lines += ["", said] if said else []
        lines += ["", "| field | is | default |", "|---|---|---|", *fields]
    answer = _answer(verb.gives)
    return "\n".join([*lines, "", f"Answers {answer}.", ""])


def _prose(verb: AnyVerb) -> str:
    return " ".join((verb.takes.__doc__ or "").split())


def _fields(takes: type[Any]) -> Iterator[str]:
    hints = typing.get_type_hints(takes)
    for field in dataclasses.fields(takes):
        name, kind = on_the_wire(field.name), _kind(hints[field.name])
        if field.default is dataclasses.MISSING:
            yield f"| `{name}` | {kind} | required |"
        else:
            yield f"| `{name}` | {kind} | `{json.dumps(field.default)}` |"


def _kind(hint: Any) -> str:
    if isinstance(hint, types.UnionType):
        return " or ".join(_kind(each) for each in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return f"list of {_kind(typing.get_args(hint)[0])}"
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(f"`{each}`" for each in typing.get_args(hint))
    if typing.get_origin(hint) is dict:
        return "object"
    return _NAMES[hint]


def _answer(gives: type[Any]) -> str:
    if gives is type(None):
        return "nothing but success"
    keys = typing.get_type_hints(gives) if typing.is_typeddict(gives) else {}
    return f"`{{{', '.join(keys)}}}`" if keys else "an object"


if __name__ == "__main__":
    sys.stdout.write(page())
