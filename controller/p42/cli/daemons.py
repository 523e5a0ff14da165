"""Daemons: run it in front; start, stop and restart it in the background. Without typer.

The command that becomes the daemon pays for each import in every start: after a crash, that is the
time for which nobody answers.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from p42.cli import keepers, processes, spawning
from p42.cli.home import at, home
from p42.client import link
from p42.model.errors import Exit, NoDaemon, TimedOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GRACE = 10.0  # s; a stop is clean within that
ANSWER = 2.0  # s; a daemon that has not said yes by then gets a SIGTERM, which means the same


def serve(named: Sequence[str], flags: Mapping[str, str | None]) -> int:
    """Be the daemon until told to stop. `named` are further sources, `flags` settings."""
    from p42.cli import applying

    paths = applying.paths_of(named)
    from p42.daemon import serve as run

    return run(Path(home()), paths, flags)


def start() -> int:
    """Have one in the background, with the sources it had."""
    if link.is_up(home()):
        print(f"p42 runs already{_pid_text()}")
        return Exit.OK
    print(f"p42 started (pid {spawning.start(home())})")
    return Exit.OK


def stop() -> int:
    """End it and the companions, and wait until they are gone. What was made stays."""
    pid = _stop()
    left = keepers.end(home())  # a daemon that was killed could not take it along
    if pid is not None:
        print(f"p42 stopped (pid {pid})")
    else:
        print("p42 does not run" + ("; what it had left running is ended" if left else ""))
    return Exit.OK


def restart() -> int:
    """End it and start it; sources are remembered, companions and their connections live on."""
    _stop(keep=True)
    print(f"p42 started (pid {spawning.start(home())})")
    return Exit.OK


def _stop(*, keep: bool = False) -> int | None:
    """The pid that ended; None if none ran. TimedOut if it does not end."""
    try:
        asked = {"children": "keep"} if keep else {}
        pid = int(link.ask(home(), "stop", asked, timeout=ANSWER)["pid"])
    except (NoDaemon, TimedOut):
        found = processes.pid_in(_pid_file())
        if found is None:
            return None
        pid = found
        os.kill(pid, signal.SIGUSR1 if keep else signal.SIGTERM)
    if processes.has_ended(pid, within=GRACE):
        return pid
    raise TimedOut(
        f"the daemon (pid {pid}) did not end within {GRACE:g} s; `p42 logs daemon` may say why, "
        f"`kill -9 {pid}` ends it and loses nothing"
    )


def _pid_file() -> Path:
    return Path(at("run", "p42.pid"))


def _pid_text() -> str:
    pid = processes.pid_in(_pid_file())
    return f" (pid {pid})" if pid else ""
