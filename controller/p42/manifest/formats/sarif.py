"""SARIF 2.1.0, the OASIS standard that code scanning services read."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from p42.manifest.validate import Report
from p42.model.diagnostic import Diagnostic

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def render(report: Report) -> str:
    """One run; its rules are the codes that occur."""
    codes = sorted({found.code for found in report.diagnostics})
    driver = {
        "name": "p42",
        "version": version("p42"),
        "informationUri": "https://p42.dev",
        "rules": [{"id": code, "name": _camel(code)} for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": _uri(name)}} for name in report.names],
        "results": [_result(found, codes) for found in report.diagnostics],
    }
    body = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _result(found: Diagnostic, codes: list[str]) -> dict[str, Any]:
    message = f"{found.path}: {found.message}" if found.path else found.message
    message += f" ({found.suggestion})" if found.suggestion else ""
    region = {
        "startLine": found.line,
        "startColumn": found.column,
        "endColumn": found.column + found.width,
    }
    place = {"artifactLocation": {"uri": _uri(found.file)}, "region": region}
    return {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "level": found.severity,
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }


def _uri(name: str) -> str:
    name = name.replace(os.sep, "/")
    return ("file://" if name.startswith("/") else "") + quote(name)


def _camel(code: str) -> str:
    return "".join(part.capitalize() for part in code.split("-"))
