"""What every test stands on: no setting of the developer's machine, no home of theirs, no hurry."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Two cores are shared by several workers: an example may take long without anything being wrong.
settings.register_profile(
    "p42", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("p42")

# Rooms whose tests race the machine: real daemons, kills, deadlines, while three workers share two
# cores. A failure there is played once more and told (`pytest -rR`); two in a row are a defect.
# Rooms of pure code and virtual time are not in it: what fails once there is wrong.
REAL = frozenset({"approval", "cli", "doors", "e2e", "forge", "keeper", "keys", "localmodel",
                  "meter", "process", "runtimes", "talk", "tools", "web", "write"})  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    rooms = config.rootpath / "tests"
    for item in items:
        if item.path.relative_to(rooms).parts[0] in REAL:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(autouse=True, scope="session")
def _no_home_but_a_temporary_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`~/.port42` of whoever runs the tests is never read or written, nor their P42_* obeyed."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("P42_")]:
            patch.delenv(name)
        patch.setenv("P42_HOME", str(tmp_path_factory.mktemp("p42-home")))
        patch.setenv("P42_GATEWAY_PORT", "0")
        patch.setenv("P42_HTTP_PORT", "0")
        patch.setenv("P42_PROJECTS_PORT_BASE", "0")
        patch.setenv("P42_KEEPER_GRACE", "20s")  # a test that kills its daemon leaves no keeper
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_loop_by_accident() -> None:
    """looptime asks for the current loop in every test; asked for, an unset one is made, leaked."""
    asyncio.set_event_loop(None)
