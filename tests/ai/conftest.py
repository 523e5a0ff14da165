"""Accounts, and what stands beside them in loop time."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_loop_by_accident() -> None:
    """looptime asks for the current loop in every test; asked for, an unset one is made, leaked."""
    asyncio.set_event_loop(None)
