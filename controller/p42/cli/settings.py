"""Settings: what is in force and where each value comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from p42.cli import outputs, params, tables
from p42.cli.home import home
from p42.client import link


def config(output: params.TableOrJson = "table") -> int:
    """Settings in force, and where each comes from: flag, env, file or default."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    items = _items()
    if output == "json":
        outputs.print_json({"items": items})
    else:
        rows = [[i["key"], _cell(i["value"]), i["source"], i.get("where", "")] for i in items]
        tables.show(["KEY", "VALUE", "SOURCE", "WHERE"], rows)
    return 0


def _items() -> list[dict[str, Any]]:
    if link.is_up(home()):
        running: list[dict[str, Any]] = link.ask(home(), "config", {})["items"]
        return running
    from p42.config import load

    return [item.as_json() for item in load(Path(home())).items()]


def _cell(value: Any) -> str:
    if value is None:
        return "never"
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    return str(value) if value != "" else "-"
