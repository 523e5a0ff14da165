"""Validating: `p42 validate`, free of typer: it is what CI waits for."""

from __future__ import annotations

import importlib
import sys

from p42.manifest.validate import validate as check
from p42.model.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from p42.manifest.engines import EngineName

FORMATS = ("text", "json", "github", "sarif", "junit")
ENGINES: tuple[EngineName, ...] = ("auto", "jsonschema-rs", "jsonschema")


def validate(paths: Sequence[str], *, form: str, engine: str) -> int:
    """Check `paths` and print what was found; 3 if one has an error."""
    if form not in FORMATS:
        raise InvalidInput(f"--format {form}: there is {', '.join(FORMATS)}")
    if "" in paths:  # "$UNSET" of a script: never the directory it happens to stand in
        raise InvalidInput("an empty PATH names nothing; this directory is .")
    for name in ENGINES:
        if name == engine:
            report = check(paths, engine=name)
            break
    else:
        raise InvalidInput(f"--engine {engine}: there is {', '.join(ENGINES)}")
    sys.stdout.write(importlib.import_module(f"p42.manifest.formats.{form}").render(report))
    return report.code
