"""Desired state: apply, diff, delete. The daemon does it; here it is asked, followed and told."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from p42.cli import applying, outputs, params, piped, terminal
from p42.cli.home import home
from p42.client import link
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
        with _as_paths(file or ()) as paths:
            _show_steps(_planned(paths, prune=prune), output)
        return Exit.OK
    return applying.apply(file or (), seconds, prune=prune, wait=not no_wait, output=output)


def diff(file: params.Files = None, prune: Prune = False,
         output: params.TableOrJson = "table") -> int:  # fmt: skip
    """Show what apply would do, step by step. Exit 0: nothing; 2: something.

    Without -f: all that is followed. Observes and never acts; needs no daemon.
    """
    outputs.checked(output, outputs.TABLE_OR_JSON)
    with _as_paths(file or ()) as paths:
        steps = _planned(paths, prune=prune)
    _show_steps(steps, output)
    return Exit.DIFFERS if steps else Exit.OK


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
    if bool(refs) == bool(file):
        raise params.Usage("delete takes either KIND/NAME... or -f PATH")
    payload: dict[str, Any] = {"wait": not no_wait, "timeout": params.duration(timeout)}
    if file:
        payload["paths"] = [applying.absolute(path) for path in file]  # may be gone
    else:
        payload["refs"] = [params.ref(ref) for ref in refs or ()]
    return applying.followed("delete", payload, output)


def _planned(paths: Sequence[str], *, prune: bool) -> list[dict[str, Any]]:
    """The steps as in CONTRACT, from the daemon if one runs, else worked out here."""
    if link.is_up(home()):
        answer = link.ask(home(), "diff", {"paths": list(paths), "prune": prune})
    else:
        from p42.daemon import offline_plan

        answer = offline_plan(Path(home()), paths, prune=prune)
    steps: list[dict[str, Any]] = answer["steps"]
    return steps


def _show_steps(steps: list[dict[str, Any]], output: str) -> None:
    if output == "json":
        outputs.print_json({"steps": steps})
        return
    last = ""
    for step in steps:
        name = f"{step['kind'].lower()}/{step['name']}"
        if name != last:
            print(name)
        print(f"  {step['step']}: {terminal.lines(step['detail'])}")
        last = name
    if not steps:
        terminal.notice("no difference")


@contextmanager
def _as_paths(named: Sequence[str]) -> Iterator[list[str]]:
    """Absolute paths; standard input as a file that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="p42-") as directory:
        paths = applying.paths_of(named)
        if applying.STDIN in named:
            kept = Path(directory) / "stdin.yaml"
            kept.write_text(piped.read(), encoding="utf-8")
            paths.append(str(kept))
        yield paths
