"""Formats: a validation report as people, scripts and CI systems read it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from p42.manifest.validate import Report

FormatName = Literal["text", "json", "github", "sarif", "junit"]
FORMATS: tuple[FormatName, ...] = ("text", "json", "github", "sarif", "junit")


def render(report: Report, form: FormatName) -> str:
    """`report` in one of FORMATS, with a newline at its end; imports only that one."""
    rendered: str = import_module(f"{__name__}.{form}").render(report)
    return rendered
