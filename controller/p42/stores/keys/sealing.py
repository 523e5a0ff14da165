"""Sealing: a text locked with a passphrase (age, scrypt), in a process of its own.

scrypt is made to be slow and big: 2 s and 512 MB here, and pyrage holds the interpreter's lock
meanwhile. In the daemon every door would stand still, and its memory would be what scrypt took.

The passphrase and the text go through pipes, never through arguments or the environment.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from p42.model.errors import Blocked, Retry
from p42.model.faults import fault
from p42.model.secret import Secret
from p42.stores.keys.reference import Locked

DEADLINE = 60.0  # s; the work is cut to about 1 s on the machine that sealed it, this one is slower
_WRONG = "Decryption failed"  # what age says when the passphrase does not open the first lock


async def seal(text: Secret, passphrase: Secret) -> bytes:
    """`text` as an age file in ASCII armour. Retry or Blocked when it cannot be done here."""
    request = {"do": "seal", "passphrase": passphrase.reveal(), "text": text.reveal()}
    return (await asyncio.to_thread(_run, request)).encode()


async def unseal(sealed: bytes, passphrase: Secret) -> Secret:
    """The text again. Locked for a wrong passphrase, Blocked (KeyLocked) for damaged bytes."""
    request = {"do": "unseal", "passphrase": passphrase.reveal(), "text": sealed.decode("ascii")}
    return Secret(await asyncio.to_thread(_run, request))


def _run(request: dict[str, str]) -> str:
    root = str(Path(__file__).parents[3])
    code = (
        f"import sys; sys.path.insert(0, {root!r}); import p42.stores.keys.sealing as s; s.main()"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code], input=json.dumps(request).encode(),
            capture_output=True, timeout=DEADLINE, check=False, env={},
        )  # fmt: skip
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise Retry(f"keys.age: no answer in {DEADLINE:g} s; the machine is too busy") from None
    except OSError as error:
        raise fault(error, sys.executable) from None
    except ValueError:
        raise Retry(
            "keys.age: not enough memory to open it (it takes 512 MB for a moment)"
        ) from None
    if "text" in answer:
        return str(answer["text"])
    if answer["error"] == _WRONG:
        raise Locked("keys.age: the passphrase is wrong")
    raise Blocked(f"keys.age: damaged ({answer['error']}); put it back from a backup, or move it "
                  "away and log in anew", reason="KeyLocked")  # fmt: skip


def main() -> None:
    """The child: one request on standard input, its answer on standard output."""
    from p42.keeper.linux import undumpable

    undumpable()
    import pyrage  # type: ignore[import-untyped]

    request = json.loads(sys.stdin.buffer.read())
    text, passphrase = request["text"].encode(), request["passphrase"]
    try:
        if request["do"] == "seal":
            made = pyrage.passphrase.encrypt(text, passphrase, armored=True)
        else:
            made = pyrage.passphrase.decrypt(text, passphrase)
        answer = {"text": made.decode()}
    except (pyrage.DecryptError, pyrage.EncryptError) as error:
        answer = {"error": str(error)}
    except ValueError:
        answer = {"error": "no text"}
    sys.stdout.write(json.dumps(answer))
