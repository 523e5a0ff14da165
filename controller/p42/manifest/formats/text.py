"""Text: as a compiler prints it, and a line that sums it up."""

from __future__ import annotations

from p42.manifest.validate import Report


def render(report: Report) -> str:
    """Every finding with its line and a caret, then the sum."""
    lines = [found.as_text() for found in report.diagnostics]
    return "\n".join([*lines, summary(report)]) + "\n"


def summary(report: Report) -> str:
    """`3 files, 5 resources: 1 error, 2 warnings`."""
    errors = sum(found.severity == "error" for found in report.diagnostics)
    warnings = len(report.diagnostics) - errors
    found = [_count(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n]
    sums = f"{_count(report.files, 'file')}, {_count(report.resources, 'resource')}"
    return f"{sums}: {', '.join(found) or 'all good'}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
