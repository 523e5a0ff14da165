"""Runs inside a D-Bus session of its own with a real gnome-keyring: prints what p42 found, as JSON.

dbus-run-session -- bash -c 'gnome-keyring-daemon ...; python -m tests.keys.session ROOT'
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import secretstorage

from p42.model.errors import P42Error
from p42.model.secret import Secret
from p42.stores.keys.keys import SystemKeys
from tests.keys.daemon import NO_KEY, account, accounts, piped, reason

ME = "keychain:p42-test/me"
BACKEND = "keyring.backends.SecretService.Keyring"


async def held(home: Path) -> dict[str, Any]:
    """A key put, read by a second p42, and dropped; and the collection locked in between."""
    keys, other = SystemKeys({}, home=home), SystemKeys({}, home=home)
    found: dict[str, Any] = {"where": await keys.put(ME, Secret("canary-0123456789"))}
    found["read"] = (await other.read(ME)).reveal()
    found["state"] = await other.state(ME)
    _lock()
    began = time.monotonic()
    found["locked"] = tuple(await other.look(ME))
    found["seconds"] = time.monotonic() - began
    return found


def _lock() -> None:
    bus = secretstorage.dbus_init()
    secretstorage.get_default_collection(bus).lock()
    bus.close()


def logged_in(home: Path) -> dict[str, Any]:
    """A key that a person gave to a running daemon, and what the daemon says of the account."""
    me = account("me", "keychain:p42-test/daemon")
    with accounts(home, me, PYTHON_KEYRING_BACKEND=BACKEND) as daemon:
        before = reason(daemon, until=lambda word: word == "KeyMissing")
        said = piped(home, 'login("me")', b"canary-9876543210\n")
        after = reason(daemon, until=lambda word: word not in NO_KEY)
        try:
            forgotten = daemon.ask("keys.forget", reference="keychain:p42-test/daemon")
        except P42Error as error:
            forgotten = {"error": str(error)}
        return {"before": before, "said": said, "after": after, "forgotten": forgotten}


def main() -> None:
    """What the test asks about."""
    root = Path(sys.argv[1])
    home = root / "home"
    home.mkdir(mode=0o700)
    found = {"daemon": logged_in(home), "keys": asyncio.run(held(home))}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
