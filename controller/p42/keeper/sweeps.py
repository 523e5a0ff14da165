"""Sweeps: how often Python looks for cycles in a process that many clients talk to.

While it looks all clients wait. A thousand that come are 30,000 objects that live: with Python's
own (700, 10, 10) it is 2 to 5 ms for a middle generation and 10 ms for all objects, again and
again. So the middle one is smaller, and all are looked at a tenth as often; daemon and companions
leave few cycles behind (a traceback now and then), and what they leave goes within a million
objects.
"""

from __future__ import annotations

import gc

# Objects until the youngest are looked at, such looks until one at the middle ones, and those until
# one at all.
SMALL = (700, 3, 300)


def sweep_lightly() -> None:
    """From now on, in this process."""
    gc.set_threshold(*SMALL)
