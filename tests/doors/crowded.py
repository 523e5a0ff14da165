"""A program: a door that may open 64 files and would take 1,000 connections. Prints its port."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
from pathlib import Path

from p42.gateway.dispatch import Dispatch
from p42.gateway.door import Door
from p42.gateway.limits import Deadlines, Limits
from p42.model.ports import World
from p42.model.verb import Door as Where

sys.path.insert(0, str(Path(__file__).parents[2]))


async def main() -> None:
    from tests.doors.verbs import Gate, table

    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    world = World(home=Path("/"), clock=None)  # type: ignore[arg-type] # no verb here reads it
    dispatch = Dispatch(world, Where.GATEWAY, table(Gate()))
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:
        print(listener.getsockname()[1], flush=True)
        await Door(dispatch, Limits(deadlines=Deadlines()), admits=lambda _: True).run(listener)


asyncio.run(main())
