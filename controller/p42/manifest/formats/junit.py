"""JUnit XML, as Jenkins, GitLab and most CI systems read it: a file is a test case."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from p42.manifest.validate import Report
from p42.model.diagnostic import Diagnostic


def render(report: Report) -> str:
    """One suite. A file with an error failed; its warnings are its output."""
    found: dict[str, list[Diagnostic]] = {name: [] for name in report.names}
    for finding in report.diagnostics:
        found.setdefault(finding.file, []).append(finding)
    failures = sum(any(f.severity == "error" for f in files) for files in found.values())
    counts = f'tests="{len(found)}" failures="{failures}" errors="0"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="p42 validate" {counts}>',
             f'  <testsuite name="p42 validate" {counts} skipped="0" time="0">']  # fmt: skip
    for name, findings in found.items():
        lines += _case(name, findings)
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"]) + "\n"


def _case(name: str, findings: list[Diagnostic]) -> Iterator[str]:
    head = f'    <testcase classname="p42.validate" name={quoteattr(name)} time="0"'
    if not findings:
        yield f"{head}/>"
        return
    yield f"{head}>"
    errors = [f for f in findings if f.severity == "error"]
    if errors:
        # One failure a test case is all that the schema's readers agree on.
        first = errors[0]
        message = f"{first.path}: {first.message}" if first.path else first.message
        body = escape("\n".join(f.as_text() for f in errors))
        yield f"      <failure type={quoteattr(first.code)} message={quoteattr(message)}>{body}"
        yield "      </failure>"
    warnings = [f.as_text() for f in findings if f.severity == "warning"]
    if warnings:
        yield f"      <system-out>{escape(chr(10).join(warnings))}</system-out>"
    yield "    </testcase>"
