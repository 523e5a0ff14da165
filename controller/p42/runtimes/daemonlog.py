"""DaemonLog: `logs/daemon.log`, one line a record, bounded; on stderr as well when that is another.

2026-11-21T09:20:12.026Z WARNING p42.gateway.tcp: port 42 is refused by the system; ...
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from p42.model.faults import fault

LONGEST = 5 << 20  # bytes of one file; an editor opens that, and a loud day fits
KEPT = 2  # older files beside it: 15 MiB at most
_FORM = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_LOUD = ("watchfiles", "httpx2", "httpcore2")  # a line for each save, each request
_log = logging.getLogger(__name__)
_TIME = "%Y-%m-%dT%H:%M:%S"


@contextmanager
def daemon_log(home: Path, level: str, *, clean: Callable[[str], str] = str) -> Iterator[None]:
    """Log there while inside; `level` is debug, info, warning or error.

    `clean` takes secrets out of each record, tracebacks and all. What the interpreter says of a
    thread or a destructor that failed goes through it too, not straight to stderr.

    Raises Retry or Blocked when the file cannot be opened.
    """
    path = home / "logs" / "daemon.log"
    root, handlers = logging.getLogger(), _handlers(path)
    before = root.level
    for handler in handlers:
        handler.setFormatter(_Formatter(clean))
        root.addHandler(handler)
    root.setLevel(level.upper())
    for loud in _LOUD:
        logging.getLogger(loud).setLevel(max(root.level, logging.WARNING))
    hooks = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = _thread_failed, _unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = hooks
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


class _Formatter(logging.Formatter):
    def __init__(self, clean: Callable[[str], str]) -> None:
        super().__init__(_FORM, _TIME)
        self.converter = time.gmtime
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        """The whole record as text, cleaned last: nothing is added after it."""
        return self._clean(super().format(record))


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    name = failed.thread.name if failed.thread else "?"
    _log.error("a bug in thread %s", name, exc_info=failed.exc_value)


def _unraisable(failed: sys.UnraisableHookArgs) -> None:
    _log.error("%s", failed.err_msg or "a bug in a destructor", exc_info=failed.exc_value)
