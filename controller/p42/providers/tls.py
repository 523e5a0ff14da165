"""TLS: what is trusted on the way to a provider: an account's authorities and its pins.

A pin is `sha256/BASE64` of the server's own public key (the leaf's SubjectPublicKeyInfo, as in
RFC 7469). It is looked at when the handshake ends, on every new connection, before the first byte
of a request, and so before the key is on the wire. It comes on top of the usual check of the
certificate, not in its place: a server with a certificate of its own needs `ca` too.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from p42.model.errors import Blocked

_SEQUENCE = 0x30
_VERSION = 0xA0  # [0] EXPLICIT, left out in version 1 certificates
_BEFORE_SPKI = 5  # serial number, signature, issuer, validity, subject (RFC 5280, 4.1)


class WrongPin(ssl.SSLError):
    """The server's certificate holds, and its public key is none of the pins."""


def trust(tls: Mapping[str, Any] | None, *, url: str) -> ssl.SSLContext:
    """The context for an account's `tls` (`ca`, `pins`); None = what the system trusts.

    Blocked for a `ca` that cannot be read as PEM, and for a pin that cannot be one. Reads files
    (some 20 ms for the system's authorities), but for a `url` without TLS, which trusts nobody.
    """
    import httpx2

    if not tls and not url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca = (tls or {}).get("ca")
    pins = frozenset(_pin(text) for text in (tls or {}).get("pins") or ())
    context = httpx2.create_ssl_context() if ca is None else _only(str(ca))
    if pins:
        # truststore (macOS, Windows) wraps the context that makes the connections.
        inner: ssl.SSLContext = getattr(context, "_ctx", context)
        inner.sslobject_class = _pinned(pins)
    return context


def public_key(der: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a DER certificate, as it stands. ValueError if there is none."""
    certificate = _content(der, 0, _SEQUENCE)
    tbs = _content(der, certificate[0], _SEQUENCE)
    at = tbs[0]
    if der[at] == _VERSION:
        at = _content(der, at, _VERSION)[1]
    for _ in range(_BEFORE_SPKI):
        at = _content(der, at, der[at])[1]
    return der[at : _content(der, at, _SEQUENCE)[1]]


def _only(ca: str) -> ssl.SSLContext:
    """A context that trusts the authorities of one file and no other."""
    try:
        return ssl.create_default_context(cafile=str(Path(ca).expanduser()))
    except OSError as error:  # ssl.SSLError, for what is not PEM, is one too
        said = error.strerror or str(error)
        message = f"tls.ca: {ca} cannot be read as PEM certificates ({said}); name another file"
        raise Blocked(
            message, template=f"tls.ca: {ca} cannot be read as PEM certificates"
        ) from None


def _pin(text: str) -> bytes:
    """The hash a pin stands for."""
    scheme, _, encoded = text.partition("/")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except ValueError:
        digest = b""
    if scheme != "sha256" or len(digest) != hashlib.sha256().digest_size:
        raise Blocked(f"tls.pins: {text!r} is no pin; write sha256/ and 44 characters of base64")
    return digest


def _pinned(pins: Collection[bytes]) -> type[ssl.SSLObject]:
    """The class of connections whose handshake fails unless the server's key is one of `pins`."""

    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            der = self.getpeercert(binary_form=True)
            key = public_key(der) if der else b""
            if hashlib.sha256(key).digest() not in pins:
                seen = base64.b64encode(hashlib.sha256(key).digest()).decode()
                raise WrongPin(f"the server shows the public key sha256/{seen}")

    return Pinned


def _content(der: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends. ValueError if it is no `tag`."""
    try:
        if der[at] != tag:
            raise ValueError(f"expected DER tag {tag:#x}, found {der[at]:#x}")
        length, start = der[at + 1], at + 2
        if length >= 0x80:  # the long form: so many bytes of length follow
            size = length - 0x80
            length, start = int.from_bytes(der[start : start + size]), start + size
    except IndexError:
        raise ValueError("the certificate ends too early") from None
    if start + length > len(der):
        raise ValueError("the certificate ends too early")
    return start, start + length
