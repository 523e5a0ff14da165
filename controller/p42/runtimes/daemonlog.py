"""DaemonLog: `logs/daemon.log`, one line a record, bounded; on stderr as well when that is another.

2026-11-21T09:20:12.026Z WARNING p42.gateway.tcp: port 42 is refused by the system; ...
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from p42.model.faults import fault

LONGEST = 5 << 20  # bytes of one file; an editor opens that, and a loud day fits
KEPT = 2  # older files beside it: 15 MiB at most
_FORM = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_TIME = "%Y-%m-%dT%H:%M:%S"


@contextmanager
def daemon_log(home: Path, level: str) -> Iterator[None]:
    """Log there while inside; `level` is debug, info, warning or error.

    Raises Retry or Blocked when the file cannot be opened.
    """
    path = home / "logs" / "daemon.log"
    root, handlers = logging.getLogger(), _handlers(path)
    before = root.level
    for handler in handlers:
        handler.setFormatter(_formatter())
        root.addHandler(handler)
    root.setLevel(level.upper())
    logging.getLogger("watchfiles").setLevel(max(root.level, logging.WARNING))  # one line a save
    try:
        yield
    finally:
        root.setLevel(before)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def _handlers(path: Path) -> list[logging.Handler]:
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        to_file = RotatingFileHandler(path, maxBytes=LONGEST, backupCount=KEPT, encoding="utf-8")
        same = os.path.samestat(os.fstat(sys.stderr.fileno()), path.stat())
    except OSError as error:
        raise fault(error, str(path)) from error
    # `p42 start` points stderr at the same file: each line once is enough.
    return [to_file] if same else [to_file, logging.StreamHandler()]


def _formatter() -> logging.Formatter:
    formatter = logging.Formatter(_FORM, _TIME)
    formatter.converter = time.gmtime
    return formatter
