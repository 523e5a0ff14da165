"""Models: `p42 model`: what an account's provider offers, at what price, and which one is used."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p42.cli import accounts, editing, outputs, params, tables, terminal
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit, InvalidInput, P42Error

app = typer.Typer(
    help="Models and their prices.", add_completion=False, no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip

Account = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Left out: the default one.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", show_default=False)]
MODELS = ("spec", "models")


@app.callback()
def _group() -> None:
    """Models and their prices."""


@app.command("list")
def listing(account: Account = None, output: params.TableOrJson = "table") -> int:
    """What the account's provider lists; * marks the one that is used."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    items = _models(account)
    if output == "json":
        outputs.print_json({"items": items})
    elif items:
        columns = ["MODEL", "USED", "CONTEXT", "USD/M IN", "USD/M OUT", "ACCOUNT"]
        tables.show(columns, [_cells(item) for item in items])
    else:
        terminal.notice("the provider lists no models")
    return Exit.OK


@app.command("info")
def info(model: Model, account: Account = None, output: params.TableOrJson = "table") -> int:
    """One model: its limits and its price."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    items = _models(account)
    found = next((item for item in items if item["id"] == model), None)
    if found is None:
        near = [item["id"] for item in items if model in item["id"]][:3]
        hint = f"; near it: {', '.join(near)}" if near else "; see: p42 model list"
        raise P42Error(f"the provider lists no model {model!r}{hint}")
    if output == "json":
        outputs.print_json(found)
    else:
        for key, value in found.items():
            if value not in (None, "", 0):
                shown = _prices(value) if key == "price" else terminal.plain(str(value))
                print(f"{key + ':':<12} {shown}")
    return Exit.OK


@app.command("set")
def choose(
    model: Model,
    account: Account = None,
    dry_run: accounts.DryRun = False,
) -> int:
    """Use MODEL where none is named: it becomes the first of the account's models."""
    named = account or _default_account()
    sheet = editing.sheet(f"account/{named.removeprefix('account/')}")
    if not sheet.declared:
        raise InvalidInput(f"account/{named} is not declared; see: p42 account list")
    had = next(i["spec"].get("models", ()) for i in accounts.accounts()
               if i["metadata"]["name"] == named)  # fmt: skip
    models = [model, *(other for other in had if other != model)]
    changed = editing.change(sheet, {MODELS: models}, dry_run=dry_run)
    return editing.settled(sheet.ref) if changed and not dry_run else Exit.OK


def _models(account: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = link.ask(home(), "models.list", {"account": account})["items"]
    return found


def _cells(item: dict[str, Any]) -> list[str]:
    price = item.get("price") or {}
    return [
        item["id"], "*" if item.get("used") else "", str(item.get("context") or "-"),
        _money(price.get("input")), _money(price.get("output")), item["account"],
    ]  # fmt: skip


def _money(usd: float | None) -> str:
    return "-" if usd is None else f"{usd:g}"


def _prices(price: dict[str, float | None]) -> str:
    words = {"input": "in", "output": "out", "cachedInput": "cached"}
    told = ", ".join(f"${_money(price.get(key))} {word}" for key, word in words.items())
    return f"{told}; per million tokens"


def _default_account() -> str:
    items = accounts.accounts()
    chosen = [i["metadata"]["name"] for i in items if i["spec"].get("default") is True]
    if not chosen and len(items) == 1:
        chosen = [items[0]["metadata"]["name"]]
    if not chosen:
        raise InvalidInput("no account is the default; name one with --account")
    return str(chosen[0])
