"""Looking: get, describe, tree, events, logs. They ask and print; nothing changes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p42.cli import describing, getting, outputs, params, telling
from p42.cli.home import home
from p42.client import link

Objects = Annotated[
    str, typer.Option("-o", "--output", metavar="FORMAT", help="table, json or yaml.")
]
Wanted = Annotated[list[str], typer.Argument(metavar="KIND[/NAME]|all|status", show_default=False)]
LogName = Annotated[str, typer.Argument(metavar="KIND/NAME|daemon")]


def get(
    what: Wanted,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on as they change.")] = False,
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", metavar="FORMAT",
            help="table, wide, json, yaml, name or jsonpath=EXPR.",
        ),
    ] = "table",
    selector: Annotated[
        str, typer.Option("-l", "--selector", metavar="LABELS", help="key=value,key!=value")
    ] = "",
) -> int:  # fmt: skip
    """List resources. `get status` says whether reality is what the manifests say: 0 yes, 2 no.

    Kinds in singular, plural or short (acct, ag, ci, cmd, int); KIND NAME... works as well.
    """
    if watch:
        from p42.cli import watching

        return watching.watch(what, output=output, selector=selector)
    return getting.get(what, output=output, selector=selector)


def describe(
    refs: Annotated[list[str], typer.Argument(metavar="KIND/NAME...", show_default=False)],
    output: Objects = "table",
) -> int:
    """Everything about a resource: where it is declared, how it is and why, what happened.

    KIND NAME... works as well.
    """
    outputs.checked(output, outputs.OBJECTS)
    if len(refs) > 1 and not any("/" in word for word in refs):
        refs = [f"{refs[0]}/{name}" for name in refs[1:]]
    answers = [link.ask(home(), "describe", {"ref": params.ref(ref)}) for ref in refs]
    if output == "table":
        print("\n\n".join(map(describing.text, answers)))
    else:
        outputs.show(answers[0] if len(answers) == 1 else {"items": answers}, output)
    return 0


def tree(
    ref: Annotated[str | None, typer.Argument(metavar="KIND/NAME", show_default=False)] = None,
    output: Objects = "table",
) -> int:
    """What needs what, with the root cause of each that waits."""
    outputs.checked(output, outputs.OBJECTS)
    answer = link.ask(home(), "tree", {"ref": params.ref(ref)} if ref else {})
    if output == "table":
        print("\n".join(describing.branches(answer["items"])))
    else:
        outputs.show(answer, output)
    return 0


def events(
    ref: Annotated[str | None, typer.Argument(metavar="KIND/NAME", show_default=False)] = None,
    follow: params.Follow = False,
    lines: params.Lines = 50,
    output: params.TableOrJson = "table",
) -> int:
    """What happened, oldest first; of one resource, or of all. `-o json`: one object a line."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    payload: dict[str, Any] = {"limit": lines, "follow": follow}
    if ref:
        payload["ref"] = params.ref(ref)
    telling.events(payload, as_json=output == "json")
    return 0


def logs(
    target: LogName = "daemon",
    follow: params.Follow = False,
    lines: params.Lines = 100,
    messages: Annotated[
        bool, typer.Option("--messages", help="What a companion was sent, and its answers.")
    ] = False,
    output: params.TableOrJson = "table",
) -> int:
    """The last lines a resource wrote, or the daemon. The daemon's are there when it is not."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    if target != "daemon":
        params.ref(target)
    telling.logs(target, lines, follow=follow, messages=messages, as_json=output == "json")
    return 0
