"""Collector: Python's collector of cycles, which a parse of many nodes would start again and again.

Trees have no cycles to find, and looking for some takes more time than building them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Without collections. Nests, and threads may overlap: the last state is the first."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
