"""A home with the Command kind at work in it, and words to declare commands by."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from p42.kinds.command import kind
from p42.kinds.command.spec import Command
from p42.model.kind import Want
from p42.model.refs import Ref
from tests.laws.reality import Reality, reality
from tests.laws.situations import typed

Declare = Callable[..., Want[Command]]
ADOPT = {"p42.dev/adopt": "true"}


@pytest.fixture
def declare() -> Declare:
    """declare(source=..., dependencies=[...]) -> Want; also name=, annotations=, files=."""

    def make(
        name: str = "hello",
        *,
        annotations: dict[str, str] | None = None,
        files: dict[str, bytes] | None = None,
        **spec: Any,
    ) -> Want[Command]:
        return Want(Ref("Command", name), typed(kind, spec), annotations or {}, files or {})

    return make


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory at the end of PATH, to put programs into."""
    made = tmp_path / "bin"
    made.mkdir()
    return made


@pytest.fixture
async def there(tmp_path: Path, programs: Path) -> AsyncIterator[Reality]:
    path = f"{os.environ['PATH']}{os.pathsep}{programs}"
    async with reality(kind, tmp_path / "home", env={"PATH": path}) as world:
        yield world
