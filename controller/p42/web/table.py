"""Table: the ways of the HTTP door, in one place; `docs/http.md` tells of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from p42.model.models import Relaying
from p42.model.ports import World
from p42.stores.tokens import SqliteTokens
from p42.web.limits import MIB
from p42.web.messages import Messages
from p42.web.ways import Way, Ways, plain

CONVERSATION = 32 * MIB  # what Anthropic takes of one request; pictures make them large
READ = ("GET", "HEAD")
MODELS = "agents"  # the scope for asking models: it spends money


def ways(world: World, tokens: SqliteTokens, *, clean: Callable[[str], str]) -> Ways:
    """The application of one daemon. `clean` takes secrets out of texts."""
    messages = Messages(cast(Relaying, world.models), tokens, clean=clean)
    table = (
        Way("/healthz", READ, plain(_health)),
        Way("/", ("HEAD",), plain(_there)),
        Way("/v1/messages", ("POST",), messages.create, MODELS, True, CONVERSATION),
        Way("/v1/messages/count_tokens", ("POST",), plain(messages.count), MODELS, True,
            CONVERSATION),
        Way("/v1/models", READ, plain(messages.models), MODELS, True),
        Way("/v1/models/{id:path}", READ, plain(messages.model), MODELS, True),
    )  # fmt: skip
    return Ways(table)


async def _health(request: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")


async def _there(request: Request) -> Response:
    """What the claude CLI asks before its first message."""
    return Response()
