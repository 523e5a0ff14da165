"""A real keychain: gnome-keyring on a D-Bus of its own holds a key from login to use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
START = (
    "printf test-password | gnome-keyring-daemon --unlock --components=secrets >/dev/null && "
    f'exec "{sys.executable}" -m tests.keys.session "$1"'
)
MISSING = [each for each in ("dbus-run-session", "gnome-keyring-daemon") if not shutil.which(each)]


@pytest.mark.skipif(
    bool(MISSING),
    reason=f"not installed: {', '.join(MISSING)} (apt-get install gnome-keyring dbus)",
)
def test_gnome_keyring_holds_a_key_end_to_end(tmp_path: Path) -> None:
    found = _in_a_session(tmp_path)
    keys, daemon = found["keys"], found["daemon"]
    assert keys["read"] == "canary-0123456789"
    assert keys["state"] == "present"
    assert keys["locked"][0] == "locked"
    assert keys["seconds"] < 5.5
    assert daemon["said"][0] == 0, daemon["said"][1]
    assert f"keychain:p42-test/daemon in {keys['where']}" in daemon["said"][1]
    assert daemon["forgotten"]["found"]
    logs = (tmp_path / "home" / "logs").rglob("*")
    assert not any(b"canary" in each.read_bytes() for each in logs if each.is_file())


def _in_a_session(tmp_path: Path) -> dict[str, Any]:
    places = {"HOME": "me", "XDG_RUNTIME_DIR": "run", "XDG_DATA_HOME": "share"}
    for name in places.values():
        (tmp_path / name).mkdir(mode=0o700)
    env = {
        **os.environ, **{name: str(tmp_path / place) for name, place in places.items()},
        "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
    }  # fmt: skip
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", START, "session", str(tmp_path)],
        capture_output=True, text=True, timeout=90, check=False, env=env, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
