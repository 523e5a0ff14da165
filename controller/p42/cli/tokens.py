"""Tokens: `p42 token create|list|revoke`: keys to the HTTP door."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p42.cli import outputs, params, spawning, tables, terminal
from p42.cli.home import home
from p42.client import link

app = typer.Typer(
    help="Keys to the HTTP door.", add_completion=False, no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


@app.callback()
def _group() -> None:
    """Keys to the HTTP door."""


@app.command()
def create(
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope", metavar="SCOPE,...",
            help="read, write, tasks, events, agents, webhooks, admin; may be given again.",
        ),
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What it is for.")] = "",
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="1h, 30d; else until it is revoked.")
    ] = "",
    output: params.TableOrJson = "table",
) -> int:  # fmt: skip
    """Make a token and print it, once: p42 keeps only its digest."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    payload: dict[str, Any] = {
        "scopes": [word.strip() for words in scope for word in words.split(",")], "name": name,
        "expires": params.duration(expires, flag="--expires") if expires else None,
    }  # fmt: skip
    spawning.ensure(home())
    made = link.ask(home(), "token.create", payload)
    if output == "json":
        outputs.print_json(made)
        return 0
    print(made["token"])
    until = f"until {made['expires']}" if made["expires"] else "until revoked"
    terminal.notice(
        f"p42: token {made['id']} holds {until}; it is shown this once, keep it safe. "
        f"To end it: p42 token revoke {made['id']}"
    )
    return 0


@app.command("list")
def listing(output: params.TableOrJson = "table") -> int:
    """Every token, without its secret."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    items = link.ask(home(), "token.list", {})["items"]
    if output == "json":
        outputs.print_json({"items": items})
    elif items:
        columns = ["ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "LAST USED"]
        tables.show(columns, [_cells(item) for item in items])
    else:
        terminal.notice("no tokens; to make one: p42 token create --scope read")
    return 0


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="ID", show_default=False)],
) -> int:
    """End a token, and what it has open, at once."""
    ended = link.ask(home(), "token.revoke", {"id": token})
    print(f"token {ended['id']} revoked")
    return 0


def _cells(item: dict[str, Any]) -> list[str]:
    return [
        item["id"], item["name"] or "-", ",".join(item["scopes"]), item["created"],
        item["expires"] or "never", item["lastUsed"] or "never",
    ]  # fmt: skip
