"""Checking: validate and explain. Both work without a daemon, from the schemas alone."""

from __future__ import annotations

from typing import Annotated

import typer

from p42.cli import params
from p42.cli.terminal import lines

Paths = Annotated[list[str] | None, typer.Argument(metavar="PATH...|-", show_default=False)]


def validate(
    paths: Paths = None,
    file: params.Files = None,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="text, json, github, sarif or junit.")
    ] = "text",
    engine: Annotated[
        str, typer.Option("--engine", metavar="ENGINE", help="auto, jsonschema-rs or jsonschema.")
    ] = "auto",
) -> int:  # fmt: skip
    """Check manifests without applying them; needs no daemon. Exit 3 if one does not hold."""
    from p42.cli import validating

    named = [*(paths or ()), *(file or ())]
    if not named:
        raise params.Usage("validate needs a PATH: a file, a directory, or - for standard input")
    return validating.validate(named, form=form, engine=engine)


def explain(
    field: Annotated[str, typer.Argument(metavar="[KIND[.FIELD...]]", show_default=False)] = "",
    recursive: Annotated[bool, typer.Option("--recursive", help="All fields below it.")] = False,
) -> int:
    """Describe a kind, or one of its fields: `p42 explain command.tests`. Alone: all kinds."""
    from p42.manifest.explain import explain as describe

    print(lines(describe(field, recursive=recursive)).rstrip("\n"))
    return 0
