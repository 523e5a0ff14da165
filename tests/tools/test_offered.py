"""What p42 itself offers to a model is what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from p42.ai.forge.found import TOOL as FORGE_TOOL
from p42.ai.tools.arguments import fault
from p42.ai.tools.bench import Look
from p42.ai.tools.command import SCHEMA
from p42.ai.tools.schema import fitting
from p42.api.workbench import Workbench
from p42.model.ports import World
from p42.runtimes.clock import SystemClock

LOOKS = Workbench(World(Path("/nowhere"), SystemClock())).looks()
OFFERED = [*LOOKS, Look("command", "", SCHEMA, LOOKS[0].ask),
           Look("forge", "", FORGE_TOOL.schema, LOOKS[0].ask)]  # fmt: skip
EVERY = pytest.mark.parametrize("offered", OFFERED, ids=lambda look: look.verb)


@EVERY
def test_no_default_is_refused_by_its_own_schema(offered: Look) -> None:
    schema = {**offered.schema, "required": []}
    for name, field in offered.schema["properties"].items():
        if "default" in field:
            assert fault({name: field["default"]}, schema) == "", name


@EVERY
def test_each_schema_is_one_that_vendors_take(offered: Look) -> None:
    assert fitting(offered.schema) is not None
