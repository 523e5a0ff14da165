"""Ways: the table of what the HTTP door answers, and the application made of it.

A way asks for a scope, and says whether a child's own token (which has none) may go it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from p42.web.guard import TOKEN
from p42.web.limits import MIB
from p42.web.problems import Refused


@dataclass(frozen=True, slots=True)
class Way:
    """`answer` is an ASGI application. `scope` "": open to every token, or needs none."""

    path: str
    methods: tuple[str, ...]
    answer: Any
    scope: str = ""
    children: bool = False
    most: int = MIB  # bytes of a body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI: the token is looked at, then it answers."""
        token = scope["state"].get(TOKEN)
        if token is not None and token.bound is not None and not self.children:
            raise Refused(403, f"the token of {token.bound.agent} is for asking models alone")
        if token is not None and token.bound is None and self.scope and not token.may(self.scope):
            raise Refused(
                403, f"this token has no scope {self.scope}: p42 token create --scope {self.scope}"
            )
        await self.answer(scope, receive, send)


class Ways:
    """The application of a table."""

    def __init__(self, table: Sequence[Way]) -> None:
        self.table = tuple(table)
        # HEAD is in the table or not there: a route of its own may stand beside GET's.
        self._router = Router(
            [_route(way) for way in self.table], redirect_slashes=False, default=_nothing
        )
        self._most = {way.path: way.most for way in self.table}

    def most(self, path: str) -> int:
        """How many bytes of body the path takes."""
        return self._most.get(path, MIB)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI: to the way that fits."""
        try:
            # "app" in the scope makes the router raise what it would answer in plain text.
            await self._router({**scope, "app": self}, receive, send)
        except HTTPException as error:
            told = f"{scope['method']} is not answered here" if error.status_code == 405 else ""
            headers = dict(error.headers or {})
            raise Refused(error.status_code, told or error.detail, headers=headers) from None


def plain(answer: Any) -> Any:
    """An ASGI application of `async def answer(request) -> Response`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        response: Response = await answer(Request(scope, receive))
        await response(scope, receive, send)

    return app


def _route(way: Way) -> Route:
    route = Route(way.path, way, methods=list(way.methods))
    route.methods = set(way.methods)  # starlette adds HEAD to GET
    return route


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise Refused(404, "there is nothing at this path")
