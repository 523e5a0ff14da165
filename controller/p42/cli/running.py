"""Running: `serve`, `start`, `stop` and `restart` as typer shows them; daemons.py does the work."""

from __future__ import annotations

from typing import Annotated

import typer

from p42.cli import daemons, params


def serve(
    file: params.Files = None,
    gateway_port: Annotated[
        str | None, typer.Option("--gateway-port", metavar="PORT", help="0 = any free one.")
    ] = None,
    http_port: Annotated[
        str | None, typer.Option("--http-port", metavar="PORT", help="0 = any free one.")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option("--log-level", metavar="LEVEL", help="debug to error.")
    ] = None,
) -> int:
    """Run the daemon in front, its log on stderr; Ctrl-C stops it. -f PATH follows a source."""
    flags = {"gateway.port": gateway_port, "http.port": http_port, "log.level": log_level}
    return daemons.serve(file or (), flags)


def start() -> int:
    """Start the daemon in the background, with the sources it had."""
    return daemons.start()


def stop() -> int:
    """Stop the daemon and the companions, and wait until they are gone. What was made stays."""
    return daemons.stop()


def restart() -> int:
    """Stop and start; sources are remembered, companions and their connections live on."""
    return daemons.restart()
