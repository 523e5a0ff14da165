"""Accounts: `p42 account`: edits the manifests of accounts, and looks after their keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p42.cli import editing, outputs, params, tables, terminal
from p42.cli.home import home
from p42.cli.login import login, unlock
from p42.client import link
from p42.manifest.fields import inline
from p42.model.errors import Exit, InvalidInput

app = typer.Typer(
    help="Ways to model providers.", add_completion=False, no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
KEYLESS = ("local", "ollama", "bedrock", "openai-compatible")
PROVIDERS = ("anthropic", "openai", "groq", *KEYLESS)
DEFAULT = ("spec", "default")

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the edit, do not make it.")]

app.command("login")(login)
app.command("unlock")(unlock)


@app.callback()
def _group() -> None:
    """Ways to model providers."""


@app.command("add")
def add(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help=", ".join(PROVIDERS))],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME")] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="REF", help="keychain:SERVICE/ACCOUNT, env:NAME, file:PATH."),
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="For who names no account.")] = False,
    base_url: Annotated[str | None, typer.Option("--base-url", metavar="URL")] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="ID", help="May be given again.")
    ] = None,
    dry_run: DryRun = False,
) -> int:
    """Declare an account. The key itself comes later: p42 account login NAME."""
    named = name or provider
    if provider not in PROVIDERS:
        raise InvalidInput(f"no provider is called {provider!r}; there are {', '.join(PROVIDERS)}")
    sheet = editing.sheet(f"account/{named}")
    if sheet.declared:
        raise InvalidInput(f"account/{named} is declared already, in {sheet.file}")
    if key is None and provider not in KEYLESS:
        key = f"keychain:p42/{named}"
    spec: dict[str, Any] = {
        "provider": provider, "key": key, "baseUrl": base_url, "models": list(model or ()),
        "default": default,
    }  # fmt: skip
    if default and not dry_run:
        _only_default(named)
    editing.write(sheet, manifest(named, spec), dry_run=dry_run)
    if dry_run:
        return Exit.OK
    code = editing.settled(sheet.ref)
    if code and key and key.startswith("keychain:"):
        terminal.notice(f"Next: p42 account login {named}")
    return Exit.OK


def manifest(name: str, spec: dict[str, Any]) -> str:
    """An Account as a person would write it; what is empty or false is left out."""
    fields = "".join(f"  {field}: {inline(value)}\n" for field, value in spec.items() if value)
    return (
        f"apiVersion: p42.dev/v1\nkind: Account\nmetadata:\n  name: {inline(name)}\nspec:\n{fields}"
    )


@app.command("list")
def listing(output: params.TableOrJson = "table") -> int:
    """Every account: its provider, models, and how it stands."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    items = [_row(item) for item in accounts()]
    if output == "json":
        outputs.print_json({"items": items})
    elif items:
        columns = ["NAME", "PROVIDER", "DEFAULT", "MODELS", "KEY", "READY", "REASON"]
        rows = [[_cell(item[column.lower()]) for column in columns] for item in items]
        tables.show(columns, rows)
    else:
        terminal.notice("no accounts declared; see: p42 account add --help")
    return Exit.OK


def accounts() -> list[dict[str, Any]]:
    """Objects of all accounts."""
    found: list[dict[str, Any]] = link.ask(home(), "get", {"kind": "account"})["items"]
    return found


def _row(item: dict[str, Any]) -> dict[str, Any]:
    spec, condition = item["spec"], item["status"]["conditions"][0]
    return {
        "name": item["metadata"]["name"], "provider": spec["provider"],
        "default": bool(spec.get("default")), "models": list(spec.get("models", ())),
        "key": spec.get("key"), "ready": condition["status"], "reason": condition["reason"],
        "message": condition.get("message", ""),
    }  # fmt: skip


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "*" if value else ""
    return ",".join(value) if isinstance(value, list) else terminal.plain(str(value or "-"))


@app.command("use")
def use(name: Name, dry_run: DryRun = False) -> int:
    """Make NAME the account of whoever names none."""
    sheet = _declared(name)
    if not dry_run:
        _only_default(name)
    changed = editing.change(sheet, {DEFAULT: True}, dry_run=dry_run)
    return editing.settled(sheet.ref) if changed and not dry_run else Exit.OK


def _only_default(name: str) -> None:
    """No other account may say `default: true`: two of them are an error at both."""
    for item in accounts():
        other = item["metadata"]["name"]
        if other != name and item["spec"].get("default") is True:
            sheet = editing.sheet(f"account/{other}")
            editing.change(sheet, {DEFAULT: None})


@app.command("remove")
def remove(
    name: Name,
    forget_key: Annotated[
        bool | None, typer.Option("--forget-key/--keep-key", help="Also forget its key.")
    ] = None,
    yes: params.Yes = False,
) -> int:
    """Take an account out of the home's manifests; asks whether its key is to be forgotten."""
    sheet = _declared(name)
    key = next((i["spec"].get("key") for i in accounts() if i["metadata"]["name"] == name), None)
    if not sheet.ours:
        raise InvalidInput(f"account/{name} is declared in {sheet.file}: take it out there")
    for _ in link.stream(home(), "delete", {"refs": [sheet.ref], "timeout": editing.SETTLED}):
        pass
    terminal.notice(f"account/{name} removed from {sheet.file}")
    if not (key or "").startswith("keychain:"):
        return Exit.OK
    if forget_key is None:
        forget_key = not yes and terminal.can_ask() and terminal.agrees(f"Forget the key {key}?")
    if forget_key:
        told = link.ask(home(), "keys.forget", {"reference": key})
        terminal.notice(f"{key} forgotten" if told.get("found") else f"{key} held nothing")
    else:
        terminal.notice(f"{key} is kept; p42 account remove --forget-key forgets one")
    return Exit.OK


@app.command("check")
def check(name: Name, output: params.TableOrJson = "table") -> int:
    """Ask the provider about the key now, without spending."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    told = link.ask(home(), "account.check", {"account": _plain(name)})
    if output == "json":
        outputs.print_json(told)
    elif told["reason"]:
        terminal.notice(f"account/{name} {told['reason']}: {terminal.plain(told['message'])}")
    else:
        print(f"account/{name} works")
    return Exit.FAILED if told["reason"] else Exit.OK


@app.command("keys")
def keys(name: Name, output: params.TableOrJson = "table") -> int:
    """Where an account's key stands and whether it is there; never the key."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    item = next((i for i in accounts() if i["metadata"]["name"] == _plain(name)), None)
    if item is None:
        _declared(name)
        return Exit.FAILED
    row = _row(item)
    told = link.ask(home(), "keys.where", {})
    state = {"KeyMissing": "missing", "KeyLocked": "locked"}.get(row["reason"], "present")
    found = {"account": row["name"], "key": row["key"], "state": state if row["key"] else "none",
             "store": told["inUse"]}  # fmt: skip
    if output == "json":
        outputs.print_json(found)
    elif row["key"]:
        print(f"{row['key']}: {state}; keys are kept in {told['inUse']}")
        if state != "present":
            terminal.notice(terminal.plain(row["message"] or told["message"]))
    else:
        terminal.notice(f"account/{row['name']} has no key and needs none")
    return Exit.OK if found["state"] in ("present", "none") else Exit.DIFFERS


def _plain(name: str) -> str:
    return name.removeprefix("account/")


def _declared(name: str) -> editing.Sheet:
    sheet = editing.sheet(f"account/{_plain(name)}")
    if not sheet.declared:
        known = ", ".join(item["metadata"]["name"] for item in accounts()) or "none"
        raise InvalidInput(f"account/{_plain(name)} is not declared; there is: {known}")
    return sheet
