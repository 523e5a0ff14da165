"""Projects: `p42 project list` and `p42 top`: the sockets there are, and what lives behind them."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from p42.cli import forwarding, outputs, params, tables, terminal
from p42.cli.home import home
from p42.client import link
from p42.model.quantity import age, seconds
from p42.wire.tekton import ci_name

app = typer.Typer(
    help="Project CIs.", add_completion=False, no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
CLEAR = "\033[H\033[2J"  # to the top left, and all below it gone
MIB = 1 << 20


app.command("forward")(forwarding.forward)
app.command("unforward")(forwarding.unforward)
app.command("attach")(forwarding.attach)


@app.callback()
def _group() -> None:
    """Project CIs."""


@app.command("list")
def listing(output: params.TableOrJson = "table") -> int:
    """Every project with its companion, its port, and who has its messages instead."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    forwards = {each["project"]: each for each in link.ask(home(), "project.forwards", {})["items"]}
    items = [_project(item, forwards) for item in
             link.ask(home(), "get", {"kind": "projectci"})["items"]]  # fmt: skip
    if output == "json":
        outputs.print_json({"items": items})
    elif items:
        columns = ["PROJECT", "NAME", "CI", "ENDPOINT", "STATE", "READY", "FORWARD", "ATTACHED"]
        keys = ["project", "name", "ci", "endpoint", "state", "ready", "forward", "attached"]
        tables.show(columns, [[_cell(item[key]) for key in keys] for item in items])
    else:
        terminal.notice("no projectcis declared")
    return 0


def _project(item: dict[str, Any], forwards: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """`attached`: whether the terminal is there that its messages go to; null = it is not
    forwarded, or to another project."""
    status, name = item["status"], item["metadata"]["name"]
    to = forwards.get(name, {})
    person = to.get("attached") or not to.get("companion")
    return {
        "name": name, "project": item["spec"].get("project", name), "ci": ci_name(name),
        "endpoint": status.get("endpoint"), "state": status.get("state"),
        "ready": status["conditions"][0]["status"], "forward": to.get("target"),
        "attached": to["attached"] if to and person else None,
    }  # fmt: skip


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return terminal.plain(str(value)) if value else "-"


def top(
    interval: Annotated[
        str, typer.Option("--interval", metavar="TIME", help="Between two looks, on a terminal.")
    ] = "2s",
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
    output: params.TableOrJson = "table",
) -> int:
    """Sockets and their processes, live on a terminal; Ctrl-C ends."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    pause = params.duration(interval, flag="--interval")
    before: dict[str, float] = {}
    then = 0.0
    while True:
        items, now = link.ask(home(), "top", {})["items"], time.monotonic()
        if output == "json":
            outputs.print_line({"items": items})
        else:
            _show(items, before, now - then, clear=not once)
        if once or not terminal.is_terminal(sys.stdout):
            return 0
        before, then = {item["name"]: item["cpu"] for item in items}, now
        time.sleep(max(pause, seconds("100ms")))


def _show(
    items: list[dict[str, Any]], before: dict[str, float], spent: float, *, clear: bool
) -> None:
    if clear and terminal.is_terminal(sys.stdout):
        sys.stdout.write(CLEAR)
    awake = sum(1 for item in items if item["pid"])
    memory = sum(item["memory"] for item in items) / MIB
    print(f"{len(items)} sockets, {awake} awake, {memory:.1f} MiB of their own\n")
    columns = ["NAME", "PORT", "STATE", "PID", "CPU%", "MEMORY", "UPTIME", "STARTS", "CRASHES"]
    tables.show(columns, [_cells(item, before, spent) for item in items])
    sys.stdout.flush()


def _cells(item: dict[str, Any], before: dict[str, float], spent: float) -> list[str]:
    used = item["cpu"] - before.get(item["name"], item["cpu"])
    lives = bool(item["pid"])
    return [
        item["name"], str(item["port"]), item["state"], str(item["pid"] or "-"),
        f"{max(0.0, 100 * used / spent):.1f}" if lives else "-",
        f"{item['memory'] / MIB:.1f}MiB" if lives else "-",
        age(item["uptime"]) if lives else "-", str(item["starts"]), str(item["crashes"]),
    ]  # fmt: skip
