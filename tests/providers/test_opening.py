"""An account opens to its provider, or says why not before anything is sent."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, get_args

import pytest

from p42.kinds.account.spec import Account
from p42.model.errors import Blocked
from p42.model.models import Provider
from p42.providers.bedrock import _control
from p42.providers.opening import open_provider
from tests.providers.kit import ANTHROPIC, EVERY, KEY, OPENAI, Vendor, at, reply
from tests.providers.vendors import BedrockServer, OpenAIServer

HEAVY = ("anthropic", "openai", "httpx2", "anyio", "pydantic", "genai_prices", "botocore", "ssl")


def test_no_sdk_is_imported_before_it_is_used() -> None:
    code = (
        "import sys; import p42.providers.opening, p42.providers.prices, p42.providers.messages;"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["anthropic", "openai", "groq", "bedrock"])
@pytest.mark.parametrize("key", [None, ""])
def test_a_vendor_that_bills_needs_a_key(kind: str, key: str | None) -> None:
    with pytest.raises(Blocked) as caught:
        open_provider({"provider": kind}, key)
    assert caught.value.reason == "KeyMissing"


@pytest.mark.parametrize("key", ["sk-a\nb", "sk a", "sk-é", "sk-\x00", "k" * 10_000])
def test_a_key_that_cannot_be_sent_is_not_shown_either(key: str) -> None:
    with pytest.raises(Blocked) as caught:
        open_provider({"provider": "openai"}, key)
    assert caught.value.reason == "KeyRejected"
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v1",
        "http://10.0.0.1/v1",
        "http://localhost.example.com/v1",
        "http://127.0.0.1.nip.io/v1",
        "http://0.0.0.0:1/v1",
        "ftp://127.0.0.1/v1",
        "127.0.0.1:80",
        "http://user:pw@evil.example/v1",
    ],
)
@pytest.mark.parametrize("kind", ["anthropic", "openai", "bedrock", "openai-compatible"])
def test_a_key_is_never_sent_in_the_clear(kind: str, url: str) -> None:
    with pytest.raises(Blocked) as caught:
        open_provider({"provider": kind, "baseUrl": url}, KEY)
    assert "https" in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
async def test_this_machine_needs_no_tls(host: str) -> None:
    account = {"provider": "openai-compatible", "baseUrl": f"http://{host}:1/v1"}
    await open_provider(account, KEY).close()


def test_a_provider_without_an_address_of_its_own_asks_for_one() -> None:
    with pytest.raises(Blocked, match="needs baseUrl"):
        open_provider({"provider": "openai-compatible"}, None)


async def test_the_local_model_is_where_its_caller_says() -> None:
    async with OpenAIServer(key="drawn") as server:
        provider = open_provider({"provider": "local"}, "drawn", base_url=server.url)
        assert (await reply(provider)).text
        await provider.close()
    assert server.completions[0].headers["authorization"] == "Bearer drawn"


@pytest.mark.parametrize("kind", ["ollama", "openai-compatible"])
async def test_a_server_without_keys_is_sent_none(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-of-somebody-else")
    async with OpenAIServer() as server:
        provider = open_provider({"provider": kind, "baseUrl": server.url}, None)
        await reply(provider)
        await provider.close()
    sent = server.completions[0].headers
    assert "authorization" not in sent
    assert "openai-organization" not in sent


@EVERY
async def test_the_environment_changes_neither_key_nor_address(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC", "OPENAI"):
        monkeypatch.setenv(f"{name}_API_KEY", "sk-other")
        monkeypatch.setenv(f"{name}_BASE_URL", "https://elsewhere.example")
        monkeypatch.setenv(f"{name}_CUSTOM_HEADERS", "Authorization: Bearer sk-other")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "sk-other")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with at(vendor) as (provider, server):
        await reply(provider)
    sent = server.completions[0].headers
    assert sent["authorization"] == f"Bearer {KEY}"
    assert "sk-other" not in str(sent)


async def test_a_token_of_a_login_is_sent_with_its_beta() -> None:
    token = "sk-ant-oat01-0123456789"
    async with ANTHROPIC.server() as server:
        provider = open_provider({"provider": "anthropic", "baseUrl": server.url}, token)
        await reply(provider)
        await provider.close()
    sent = server.completions[0].headers
    assert (sent["authorization"], sent["anthropic-beta"]) == (
        f"Bearer {token}",
        "oauth-2025-04-20",
    )


async def test_bedrock_signs_with_the_keys_of_aws() -> None:
    pair = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY:session"
    async with BedrockServer() as server:
        provider = open_provider({"provider": "bedrock", "baseUrl": server.url}, pair)
        await reply(provider)
        await provider.check()
        await provider.close()
    for seen in server.requests:
        signature = seen.headers["authorization"]
        assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/")
        assert seen.headers["x-amz-security-token"] == "session"
        assert "wJalr" not in str(seen.headers)


def test_bedrock_needs_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    with pytest.raises(Blocked, match="region"):
        open_provider({"provider": "bedrock"}, KEY)


async def test_bedrock_lists_models_beside_its_runtime() -> None:
    runtime = "https://bedrock-runtime.eu-central-1.amazonaws.com"
    assert _control(runtime).startswith("https://bedrock.eu-central-1.amazonaws.com/foundation-m")


@EVERY
async def test_models_are_listed_sorted(vendor: Vendor) -> None:
    async with vendor.server(key=KEY, models=("m-3", "m-1", "m-2")) as server:
        provider: Any = open_provider({"provider": vendor.provider, "baseUrl": server.url}, KEY)
        cards = await provider.models()
        await provider.close()
    assert [card.id for card in cards] == ["m-1", "m-2", "m-3"]


async def test_every_provider_of_the_account_kind_opens_to_a_provider() -> None:
    for kind in get_args(Account.model_fields["provider"].annotation):
        account = {"provider": kind, "baseUrl": "http://127.0.0.1:1/v1"}
        provider: Provider = open_provider(account, KEY)
        assert callable(provider.stream)
        await provider.close()


@pytest.mark.parametrize("vendor", [OPENAI], ids=["openai"])
async def test_an_organization_of_the_environment_goes_to_openai_alone(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    async with at(vendor) as (provider, server):
        await reply(provider)
    assert server.completions[0].headers["openai-organization"] == "org-1"
