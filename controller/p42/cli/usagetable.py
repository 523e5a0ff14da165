"""Usage as a table: rows as CSV, or with a bar for each on a terminal."""

from __future__ import annotations

import csv
import sys
from typing import Any

from p42.cli import bars, tables, terminal
from p42.model.money import usd

KEYS = ("account", "agent", "model", "day")
FIGURES = ("calls", "inputTokens", "outputTokens", "cachedTokens", "costMicroUsd")
NARROWEST = 4  # columns; a shorter bar tells nothing
TOLD = ("unpriced", "estimated", "estimatedMicroUsd")  # how far the figures can be trusted
HEADS = ("CALLS", "INPUT", "OUTPUT", "CACHED", "COST")


def as_csv(rows: list[dict[str, Any]]) -> None:
    """RFC 4180 but for its line ends; what was summed over is empty."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    columns = (*KEYS, *FIGURES, *TOLD)
    writer.writerow(columns)
    writer.writerows([["" if row[k] is None else row[k] for k in columns] for row in rows])


def show(report: dict[str, Any], keys: list[str]) -> None:
    """For people: dearest first, days in their order; with a bar each on a terminal."""
    if not report["rows"]:
        print(f"no calls from {report['from']} to {report['to']} (UTC)")
        return
    rows = _merged(report["rows"], keys)
    cells = [[*(row[key] or "-" for key in keys), *_figures(row)] for row in rows]
    total = ["total", *[""] * (len(keys) - 1), *_figures(report["total"])]
    heads = [*map(str.upper, keys), *HEADS]
    room = _room(heads, [*cells, total]) if len(rows) > 1 else 0
    if room >= NARROWEST:
        measure = "costMicroUsd" if report["total"]["costMicroUsd"] else "calls"
        drawn = bars.drawn([row[measure] for row in rows], wide=min(room, bars.WIDE))
        cells = [[*cell, bar] for cell, bar in zip(cells, drawn, strict=True)]
        heads, total = [*heads, ""], [*total, ""]
    tables.show(heads, [*cells, total])
    terminal.notice(f"from {report['from']} to {report['to']} (UTC)")
    _footnotes(report["total"])


def _footnotes(total: dict[str, Any]) -> None:
    estimated, unpriced = total["estimated"], total["unpriced"]
    if estimated:
        many = "so it stands at its" if estimated == 1 else "so they stand at their"
        terminal.notice(
            f"nobody counted {estimated:,} of these calls, {many} worst case: "
            f"{usd(total['estimatedMicroUsd'])} of {usd(total['costMicroUsd'])}"
        )
    if unpriced:
        many = "1 call has no known price and counts" if unpriced == 1 else (
            f"{unpriced:,} calls have no known price and count"
        )  # fmt: skip
        terminal.notice(f"{many} as 0: name it in spec.prices of the account")


def _room(heads: list[str], cells: list[list[str]]) -> int:
    """Columns a terminal has left of the table; 0 where there is none."""
    if not terminal.is_terminal(sys.stdout):
        return 0
    taken = sum(wide + len(tables.GAP) for wide in tables.measure(heads, cells))
    return terminal.columns(sys.stdout) - taken


def _merged(rows: list[dict[str, Any]], keys: list[str]) -> list[dict[str, Any]]:
    """Summed over what is not shown; the dearest first, days in their order."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        into = merged.setdefault(
            tuple(row[key] for key in keys), {**row, **dict.fromkeys(FIGURES, 0)}
        )
        for figure in FIGURES:
            into[figure] += row[figure]
    if "day" in keys:
        return sorted(merged.values(), key=lambda row: (row["day"], -row["costMicroUsd"]))
    return sorted(merged.values(), key=lambda row: (-row["costMicroUsd"], -row["calls"]))


def _figures(row: dict[str, Any]) -> list[str]:
    counts = [f"{row[figure]:,}" for figure in FIGURES[:-1]]
    return [*counts, usd(row["costMicroUsd"])]
