"""Desired state: apply, diff, delete. The daemon does it; here it is asked, followed and told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from p42.cli import applying, outputs, params, piped, terminal
from p42.cli import approve as approving
from p42.cli.home import home
from p42.client import link
from p42.model.diagnostic import Diagnostic
from p42.model.errors import Exit

Prune = Annotated[bool, typer.Option("--prune", help="Also do the deletions that are held.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return before it is real.")]


def apply(
    file: params.Files = None,
    timeout: params.Timeout = "60s",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the steps, do none.")] = False,
    prune: Prune = False,
    no_wait: NoWait = False,
    output: params.TableOrJson = "table",
) -> int:
    """Make manifests real, and keep them so. `-f -` reads standard input.

    Starts the daemon if none runs. Exit codes: 0 all is ready, 1 failed, 2 something waits for you,
    3 invalid manifests, 4 the timeout ran out.
    """
    outputs.checked(output, outputs.TABLE_OR_JSON)
    seconds = params.duration(timeout)
    if not file and not prune:
        raise params.Usage("apply needs -f PATH (a file, a directory, or - for standard input)")
    if dry_run:
        _show_steps(_planned(file or (), prune=prune), output)
        return Exit.OK
    return applying.apply(file or (), seconds, prune=prune, wait=not no_wait, output=output)


def diff(file: params.Files = None, prune: Prune = False,
         output: params.TableOrJson = "table") -> int:  # fmt: skip
    """Show what apply would do, step by step. Exit 0: nothing; 2: something, or not ready.

    Not ready is what no step mends: what failed or waits for you, and deletions that are held.
    Without -f: all that is followed. Observes and never acts; needs no daemon.
    """
    outputs.checked(output, outputs.TABLE_OR_JSON)
    answer = _planned(file or (), prune=prune)
    _show_steps(answer, output)
    return int(answer.get("code", Exit.OK))


def delete(
    refs: params.Refs = None,
    file: params.Files = None,
    timeout: params.Timeout = "60s",
    no_wait: NoWait = False,
    output: params.TableOrJson = "table",
) -> int:
    """Forget a source and remove what it declared (-f PATH), or remove KIND/NAME.

    KIND/NAME goes if p42 keeps its manifest; what a file of yours declares goes with that file.
    """
    outputs.checked(output, outputs.TABLE_OR_JSON)
    if applying.STDIN in (file or ()):
        raise params.Usage("delete takes no standard input: name KIND/NAME instead of -f -")
    if bool(refs) == bool(file):
        raise params.Usage("delete takes either KIND/NAME... or -f PATH")
    payload: dict[str, Any] = {"wait": not no_wait, "timeout": params.duration(timeout)}
    if file:
        payload["paths"] = [applying.absolute(path) for path in file]  # may be gone
    else:
        payload["refs"] = [params.ref(ref) for ref in refs or ()]
    return applying.followed("delete", payload, output)


def _planned(named: Sequence[str], *, prune: bool) -> dict[str, Any]:
    """The answer of CONTRACT, from the daemon if one runs, else worked out here."""
    paths = applying.paths_of(named)
    stdin = piped.read() if applying.STDIN in named else None
    if link.is_up(home()):
        payload = {"paths": paths, "prune": prune}
        return link.ask(home(), "diff", payload if stdin is None else {**payload, "stdin": stdin})
    from p42.daemon import offline_plan

    return dict(offline_plan(Path(home()), paths, stdin=stdin, prune=prune))


def _show_steps(answer: dict[str, Any], output: str) -> None:
    if output == "json":
        if "broken" in answer:
            answer["broken"] = [outputs.diagnostic(found) for found in answer["broken"]]
        outputs.print_json({key: value for key, value in answer.items() if key != "code"})
        return
    last = ""
    for step in answer["steps"]:
        name = f"{step['kind'].lower()}/{step['name']}"
        if name != last:
            print(name)
        print(f"  {step['step']}: {terminal.lines(step['detail'])}")
        last = name
    for item in answer.get("approvals", ()):
        approving.show(item)
    undone = list(_undone(answer))
    for line in undone if undone or answer["steps"] else ["no difference"]:
        terminal.notice(line)


def _undone(answer: dict[str, Any]) -> Iterator[str]:
    """What no step makes true, in lines for a person."""
    for found in answer.get("broken", ()):
        yield Diagnostic(**found).as_text()
    for item in answer.get("notReady", ()):
        message = f": {terminal.plain(item['message'])}" if item["message"] else ""
        yield f"{item['kind'].lower()}/{item['name']} is not ready: {item['reason']}{message}"
    if held := answer.get("held"):
        names = ", ".join(each.lower() for each in held)
        yield f"held deletions, done with --prune only: {names}"
