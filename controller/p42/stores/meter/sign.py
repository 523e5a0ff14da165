"""Sign: an export of the journal, signed with the home's own Ed25519 key, and its check.

    FILE       one line of JSON about the export, then each call as the chain hashes it, with `hash`
    FILE.sig   the signature of FILE's bytes, 64 bytes (RFC 8032)
    FILE.pub   the public key, PEM

    openssl pkeyutl -verify -pubin -inkey FILE.pub -rawin -in FILE -sigfile FILE.sig

A signature is worth what the key is: compare FILE.pub with one that came another way.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from p42.model.errors import InvalidInput, P42Error
from p42.model.faults import fault
from p42.stores.meter.rows import Call, is_chained

KEY = "usage.key"  # under the home, PEM, 0600
FORMAT = "p42 usage export 1"
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Checked:
    """A signed export that holds. `head` is its first line."""

    calls: int
    head: dict[str, Any]


def export(home: Path, to: Path, *, calls: Iterable[Call], head: dict[str, Any]) -> int:
    """Write `to`, `to`.sig and `to`.pub; how many calls. Whole or not at all. Blocking.

    Retry and Blocked for what the disk refuses.
    """
    count, unfinished = 0, to.with_name(to.name + ".part")
    try:
        key = _key(home)
        with unfinished.open("wb") as stream:
            os.fchmod(stream.fileno(), PRIVATE)
            stream.write(orjson.dumps({"format": FORMAT, **head}) + b"\n")
            for call in calls:
                stream.write(orjson.dumps(call._asdict()) + b"\n")
                count += 1
            stream.flush()
            os.fsync(stream.fileno())
        _beside(to, ".sig").write_bytes(key.sign(unfinished.read_bytes()))
        _beside(to, ".pub").write_bytes(_pem(key.public_key()))
        unfinished.replace(to)
    except OSError as error:
        raise fault(error, str(to)) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
    return count


def check(file: Path, *, key: Path | None, home: Path) -> Checked:
    """Whether an export is what was signed, by `key` (a public one, PEM), None = this home's own.

    P42Error says what is wrong: the signature, or the first call that was changed.
    """
    try:
        body, signature = file.read_bytes(), _beside(file, ".sig").read_bytes()
        public = _public(key.read_bytes()) if key is not None else _own(home).public_key()
    except OSError as error:
        raise fault(error, str(error.filename or file)) from error
    try:
        public.verify(signature, body)
    except InvalidSignature:
        raise P42Error(f"{file}: this is not what was signed with that key{_where(body)}") from None
    head, calls = _read(body)
    return Checked(len(calls), head)


def _where(body: bytes) -> str:
    """`: ...` the first call that does not follow the one before it, if one can be told."""
    try:
        head, calls = _read(body)
    except (ValueError, TypeError, KeyError):
        return ": it is no export any more"
    before, number = head.get("before", ""), head.get("first", 0)
    for call in calls:
        if call.number != number or not is_chained(before, call):
            return f": call {number} is not what was written"
        before, number = call.hash, number + 1
    return ", though its calls hang together: another key, or the first line or the end changed"


def _read(body: bytes) -> tuple[dict[str, Any], list[Call]]:
    first, *rest = body.splitlines()
    return orjson.loads(first), [Call(**orjson.loads(line)) for line in rest]


def _own(home: Path) -> Ed25519PrivateKey:
    if not (home / KEY).exists():
        raise InvalidInput(
            f"{home / KEY} is not there: this home has exported nothing; name the public key: "
            "--key FILE.pub"
        )
    return _key(home)


def _key(home: Path) -> Ed25519PrivateKey:
    """The home's key, made when it is first needed."""
    path = home / KEY
    with contextlib.suppress(FileNotFoundError):
        return _private_key(path)
    made = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    unfinished = path.with_name(f"{KEY}.{os.getpid()}.part")
    with unfinished.open("wb") as stream:
        os.fchmod(stream.fileno(), PRIVATE)  # before anything is in it
        stream.write(made)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()
    return _private_key(path)


def _private_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise P42Error(f"{path}: this is no Ed25519 key; move it away, and a new one is made")
    return key


def _public(pem: bytes) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput("--key names no Ed25519 public key in PEM; it is FILE.pub of an export")
    return key


def _pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)
