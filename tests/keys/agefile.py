"""The age format, written down once more (age-encryption.org/v1), so that keys.age can be made with
a passphrase that opens in no time: pyrage makes scrypt cost a second, on purpose.

What it writes is read by pyrage, which also shows that keys.age is a plain age file.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os

import pyrage
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

WORK = 1  # log2 of scrypt's cost
PASSPHRASE = "correct horse"


def key_file(keys: dict[str, str], *, passphrase: str = PASSPHRASE) -> bytes:
    """keys.age, as p42 writes it."""
    identity = pyrage.x25519.Identity.generate()
    text = json.dumps({"keys": keys}).encode()
    entries: bytes = pyrage.encrypt(text, [identity.to_public()], armored=True)
    return armoured(sealed(str(identity).encode(), passphrase)) + entries


def sealed(text: bytes, passphrase: str) -> bytes:
    """`text`, shorter than 64 KiB, as a binary age file with one scrypt stanza."""
    file_key, salt = os.urandom(16), os.urandom(16)
    wrap = hashlib.scrypt(
        passphrase.encode(), salt=b"age-encryption.org/v1/scrypt" + salt, n=2**WORK, r=8, p=1,
        dklen=32,
    )  # fmt: skip
    body = ChaCha20Poly1305(wrap).encrypt(bytes(12), file_key, None)
    header = b"age-encryption.org/v1\n-> scrypt %b %d\n%b\n---" % (_b64(salt), WORK, _b64(body))
    mac = hmac.digest(_derived(file_key, b"", b"header"), header, "sha256")
    nonce = os.urandom(16)
    payload = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
    last = bytes(11) + b"\x01"
    return header + b" " + _b64(mac) + b"\n" + nonce + payload.encrypt(last, text, None)


def armoured(data: bytes) -> bytes:
    """`data` in age's strict PEM."""
    text = base64.b64encode(data)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    edge = b"-----%b AGE ENCRYPTED FILE-----"
    return b"\n".join([edge % b"BEGIN", *lines, edge % b"END", b""])


def _derived(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=purpose).derive(key)


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")
