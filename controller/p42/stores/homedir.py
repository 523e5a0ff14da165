"""Home: the one directory of a user's p42, made so that nobody else looks in."""

from __future__ import annotations

from pathlib import Path

from p42.model.errors import Blocked
from p42.model.faults import fault


def make_home(home: Path) -> None:
    """`home` and its parents, 0700: one that is open to others, or closed to us, is mended."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if home.stat().st_mode & 0o777 != 0o700:
            home.chmod(0o700)
    except FileExistsError:
        raise Blocked(f"{home}: a file is where the home should be; move it away") from None
    except OSError as error:
        raise fault(error, str(home)) from error
