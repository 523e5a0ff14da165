"""Undocumented means red: `docs/http.md` tells of each way, its methods and its scope."""

from __future__ import annotations

import re
from pathlib import Path

from p42.model.tokens import SCOPES
from tests.web.test_guard import TABLE

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text()


def test_the_page_tells_of_every_way_and_of_no_other() -> None:
    rows = re.findall(r"^\| (`/[^|]*) \| ([A-Z, ]+) \| ([\w, ]+) \|", PAGE, re.M)
    told = {
        (path, tuple(methods.split(", ")), scope.partition(",")[0])
        for paths, methods, scope in rows
        for path in re.findall(r"`([^`]+)`", paths)
    }
    there = {(way.path.replace(":path", ""), way.methods, way.scope or "none") for way in TABLE}
    assert told == there


def test_the_page_names_every_scope() -> None:
    assert all(re.search(rf"\b{scope}\b", PAGE) for scope in SCOPES)
