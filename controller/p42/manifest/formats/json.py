"""JSON: the object of CONTRACT.md."""

from __future__ import annotations

import json

from p42.manifest.validate import Report


def render(report: Report) -> str:
    """`{"files":N,"resources":N,"diagnostics":[DIAGNOSTIC,...]}`."""
    body = {
        "files": report.files,
        "resources": report.resources,
        "diagnostics": [found.as_json() for found in report.diagnostics],
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"
