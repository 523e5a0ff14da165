"""On the way to a vendor: its certificate holds, its key is pinned, or nothing is sent."""

from __future__ import annotations

import base64
import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from p42.model.errors import Blocked
from p42.providers.opening import open_provider
from p42.providers.tls import public_key
from tests.providers.kit import ANTHROPIC, EVERY, KEY, OPENAI, Vendor, reply

OTHER = "sha256/" + base64.b64encode(bytes(32)).decode()


def _signed(key: Any, *, days: int = 1, host: str = "127.0.0.1") -> x509.Certificate:
    """A certificate of its own for `host`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    )
    return builder.sign(
        key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    )


def _spki(key: Any) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    encoded: bytes = key.public_key().public_bytes(serialization.Encoding.DER, form)
    return encoded


def _pin(key: Any) -> str:
    return "sha256/" + base64.b64encode(hashlib.sha256(_spki(key)).digest()).decode()


class Identity:
    """A key, its certificate as a PEM file, and the server's context for both."""

    def __init__(self, folder: Path, **given: Any) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.pin, self.pem, keyfile = _pin(key), folder / "ca.pem", folder / "key.pem"
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        self.pem.write_bytes(_signed(key, **given).public_bytes(pem))
        keyfile.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.pem, keyfile)


async def _ask(vendor: Vendor, identity: Identity, tls: dict[str, Any] | None) -> int:
    """How many requests the vendor saw of one call; of one that is Blocked it sees none."""
    async with vendor.server(tls=identity.context) as server:
        spec = {"provider": vendor.provider, "baseUrl": server.url, "tls": tls}
        provider = open_provider(spec, KEY)
        try:
            await reply(provider)
        except Blocked:
            assert server.requests == []
            raise
        finally:
            await provider.close()
        return len(server.requests)


@EVERY
async def test_the_authority_that_is_named_is_trusted(vendor: Vendor, tmp_path: Path) -> None:
    one = Identity(tmp_path)
    assert await _ask(vendor, one, {"ca": str(one.pem)}) == 1


@EVERY
async def test_a_certificate_nobody_vouches_for_is_blocked(vendor: Vendor, tmp_path: Path) -> None:
    with pytest.raises(Blocked, match=r"does not hold.*tls\.ca"):
        await _ask(vendor, Identity(tmp_path), None)


async def test_a_certificate_that_has_run_out_is_blocked(tmp_path: Path) -> None:
    one = Identity(tmp_path, days=-1)
    with pytest.raises(Blocked, match="expired"):
        await _ask(OPENAI, one, {"ca": str(one.pem)})


async def test_a_certificate_of_another_host_is_blocked(tmp_path: Path) -> None:
    one = Identity(tmp_path, host="10.0.0.1")
    with pytest.raises(Blocked, match="IP address mismatch"):
        await _ask(OPENAI, one, {"ca": str(one.pem)})


@EVERY
async def test_a_pinned_key_is_accepted(vendor: Vendor, tmp_path: Path) -> None:
    one = Identity(tmp_path)
    assert await _ask(vendor, one, {"ca": str(one.pem), "pins": [_OTHER_PIN, one.pin]}) == 1


@EVERY
async def test_any_other_key_is_blocked_before_a_byte_is_sent(
    vendor: Vendor, tmp_path: Path
) -> None:
    one = Identity(tmp_path)
    with pytest.raises(Blocked) as caught:
        await _ask(vendor, one, {"ca": str(one.pem), "pins": [OTHER]})
    assert one.pin in str(caught.value)  # so that it can be compared with what the vendor publishes
    assert one.pin not in caught.value.template


async def test_a_pin_alone_does_not_make_a_certificate_hold(tmp_path: Path) -> None:
    one = Identity(tmp_path)
    with pytest.raises(Blocked, match="does not hold"):
        await _ask(ANTHROPIC, one, {"pins": [one.pin]})


@pytest.mark.parametrize(
    "pin", ["", "sha256/", "sha1/" + "A" * 44, "sha256/AAAA", "sha256/" + "é" * 44]
)
def test_a_bad_pin_is_blocked(pin: str) -> None:
    spec = {"provider": "openai", "tls": {"pins": [pin]}}
    with pytest.raises(Blocked, match=r"tls\.pins"):
        open_provider(spec, KEY)


@pytest.mark.parametrize("content", [None, b"", b"no pem"])
def test_an_authority_that_cannot_be_read_is_blocked(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Blocked, match=r"tls\.ca"):
        open_provider({"provider": "openai", "tls": {"ca": str(path)}}, KEY)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p-384", "ed25519", "rsa"],
)
def test_the_public_key_is_found_in_any_certificate(key: Any) -> None:
    der = _signed(key).public_bytes(serialization.Encoding.DER)
    assert public_key(der) == _spki(key)
    for end in range(0, len(der), 7):
        with pytest.raises(ValueError, match=r"ends|expected"):
            public_key(der[:end])


_OTHER_PIN = "sha256/" + base64.b64encode(b"x" * 32).decode()
