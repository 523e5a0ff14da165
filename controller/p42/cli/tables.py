"""Table: columns and rows as kubectl lays them out; coloured and cut only for a terminal."""

from __future__ import annotations

import sys

from p42.cli import terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

GAP = "   "
_READY = {"True": "green", "False": "red", "Unknown": "yellow"}
_COLOURED = {"READY": _READY, "DRIFT": {"yes": "yellow"}}
SHORTEST_LAST = 12  # columns: a message cut shorter than this says nothing


def show(columns: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO | None = None,
         *, widths: Sequence[int] | None = None) -> None:  # fmt: skip
    """Print to `stream` (stdout): plain into a pipe or file, coloured and cut on a terminal.

    `widths` keeps the columns of an earlier part of the same table (`get -w`).
    """
    stream = stream or sys.stdout
    cells = [[terminal.plain(cell) for cell in row] for row in rows]
    if widths is None:
        widths = measure(columns, cells)
        stream.write(_line(columns, widths))
    if not terminal.is_terminal(stream):
        stream.write("".join(_line(row, widths) for row in cells))
        return
    room = max(SHORTEST_LAST, terminal.columns(stream) - sum(w + len(GAP) for w in widths[:-1]))
    colours = [_COLOURED.get(title, {}) for title in columns]
    if not terminal.has_colours(stream):
        colours = [{} for _ in columns]
    stream.write("".join(_painted(row, widths, colours, room) for row in cells))


def measure(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """How wide each column is."""
    return [max(map(_wide, column)) for column in zip(columns, *rows, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [_pad(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return GAP.join(padded).rstrip() + "\n"


def _painted(
    cells: Sequence[str],
    widths: Sequence[int],
    colours: Sequence[dict[str, str]],
    room: int,
) -> str:
    *first, last = cells
    shown = [*map(_pad, first, widths), _cut(last, room)]
    cells_and_colours = zip(shown, cells, colours, strict=True)
    return GAP.join(terminal.paint(s, c.get(cell, "")) for s, cell, c in cells_and_colours) + "\n"


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - _wide(cell))


def _cut(cell: str, room: int) -> str:
    if _wide(cell) <= room:
        return cell
    while _wide(cell) > room - 1:
        cell = cell[:-1]
    return cell + "…"


def _wide(cell: str) -> int:
    """Columns a terminal takes for it: East Asian and emoji characters take two."""
    if cell.isascii():
        return len(cell)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in cell)
