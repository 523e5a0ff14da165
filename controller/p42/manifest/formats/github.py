"""GitHub: workflow commands, which a pull request shows at the line.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from p42.manifest.formats import text
from p42.manifest.validate import Report
from p42.model.diagnostic import Diagnostic


def render(report: Report) -> str:
    """One command a finding, then the sum, which GitHub takes as plain output."""
    return "\n".join([*map(_command, report.diagnostics), text.summary(report)]) + "\n"


def _command(found: Diagnostic) -> str:
    properties = {
        "file": found.file,
        "line": str(found.line),
        "col": str(found.column),
        "endColumn": str(found.column + found.width),
        "title": f"p42: {found.code}",
    }
    shown = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    message = f"{found.path}: {found.message}" if found.path else found.message
    message += f" ({found.suggestion})" if found.suggestion else ""
    return f"::{found.severity} {shown}::{_escaped(message)}"


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _escaped(value).replace(":", "%3A").replace(",", "%2C")
