"""Opening: an Account's spec and key become its provider; the vendor's SDK is imported here.

An address without TLS leads to this machine only, whatever the manifest's schema let through: a
key must not be on a wire in the clear.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from p42.model.errors import Blocked
from p42.model.models import Provider

_NO_KEY = frozenset({"ollama", "local", "openai-compatible"})
LONGEST_KEY = 8192  # characters; a header line that servers take


def open_provider(
    account: Mapping[str, Any], key: str | None, *, base_url: str | None = None
) -> Provider:
    """The provider of an Account spec (camelCase). Close it when the spec or the key changes.

    `base_url`: where it is, over the spec's own; `local` needs it, with the key of the running
    server. Imports the SDK and reads `tls.ca` (up to 1 s the first time): call it in a thread.
    Raises Blocked for a missing or impossible key, an address without TLS, `tls` that does not
    hold.
    """
    kind = account["provider"]
    if kind == "anthropic":
        return _anthropic(account, key, base_url)
    if kind == "bedrock":
        from p42.providers.bedrock import open_bedrock

        url = base_url or account.get("baseUrl")
        return open_bedrock(account, _key(key, kind), url=None if url is None else _checked(url))
    return _openai(account, key, base_url)


def _anthropic(account: Mapping[str, Any], key: str | None, base_url: str | None) -> Provider:
    from p42.providers.anthropic import URL, AnthropicProvider
    from p42.providers.tls import trust

    url = _checked(base_url or account.get("baseUrl") or URL)
    return AnthropicProvider(
        key=_key(key, "anthropic"),
        base_url=url,
        host=host_of(url),
        trust=trust(account.get("tls"), url=url),
    )


def _openai(account: Mapping[str, Any], key: str | None, base_url: str | None) -> Provider:
    from p42.providers.openai import DIALECTS, OpenAIProvider
    from p42.providers.tls import trust

    kind = account["provider"]
    dialect = DIALECTS[kind]
    url = base_url or account.get("baseUrl") or dialect.url
    if not url:
        raise Blocked(f"an account of provider {kind} needs baseUrl, the address of its server")
    return OpenAIProvider(
        dialect,
        key=None if key is None and kind in _NO_KEY else _key(key, kind),
        base_url=_checked(url),
        host=host_of(url),
        trust=trust(account.get("tls"), url=url),
    )


def host_of(url: str) -> str:
    """The host of `url` for messages, with its port where it has one."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _key(key: str | None, kind: str) -> str:
    """The key, if it can go into a header line. It is in no message."""
    if not key:
        message = f"an account of provider {kind} needs a key; `p42 account login NAME` stores one"
        raise Blocked(message, reason="KeyMissing")
    if not (key.isascii() and key.isprintable() and " " not in key) or len(key) > LONGEST_KEY:
        message = (
            "the key has characters that no key has (blanks, line ends, ...); "
            "`p42 account login NAME` stores it again"
        )
        raise Blocked(message, reason="KeyRejected")
    return key


def _checked(url: str) -> str:
    """`url`, if it is https, or http to this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and _is_this_machine(parts.hostname or ""):
        return url
    message = f"baseUrl: {host_of(url) or url} is not on this machine, so it must be https"
    raise Blocked(message, template="baseUrl must be https, or http to this machine")


def _is_this_machine(host: str) -> bool:
    """Whether `host` is loopback. A name other than localhost is not: DNS decides where it is."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
