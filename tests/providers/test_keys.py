"""A key is checked without spending, and no word of a vendor brings it out again."""

from __future__ import annotations

import base64
import json
import traceback
from urllib.parse import quote

import pytest

from p42.model.errors import Blocked, P42Error, Retry
from p42.providers.opening import open_provider
from tests.providers.kit import BEDROCK, EVERY, KEY, OPENAI, Vendor, at, pieces, reply
from tests.providers.vendors import Inside, OpenAIServer, Status
from tests.providers.vendors.wire import Seen

SECRET = "sk-canary/+\"'=0123456789"
FORMS = [
    SECRET,
    json.dumps(SECRET)[1:-1],
    quote(SECRET, safe=""),
    base64.b64encode(SECRET.encode()).decode(),
    base64.urlsafe_b64encode(SECRET.encode()).decode(),
    SECRET.encode().hex(),
]


@EVERY
async def test_a_check_asks_for_no_answer(vendor: Vendor) -> None:
    async with at(vendor) as (provider, server):
        await provider.check()
        assert server.requests
        assert server.completions == []


@EVERY
async def test_a_wrong_key_is_rejected_by_the_check_and_by_a_call(vendor: Vendor) -> None:
    async with at(vendor, key="sk-wrong") as (provider, _):
        for asking in (provider.check, lambda: pieces(provider), provider.models):
            with pytest.raises(Blocked) as caught:
                await asking()
            assert caught.value.reason == "KeyRejected"
            assert "p42 account login" in str(caught.value)


async def test_a_model_the_key_may_not_use_is_no_bad_key() -> None:
    denied = Status(403, "no access to m-1", headers={"x-amzn-errortype": "AccessDeniedException"})
    for vendor in (BEDROCK, OPENAI):
        async with at(vendor, denied) as (provider, _):
            with pytest.raises(Blocked) as caught:
                await reply(provider)
            assert caught.value.reason == "Blocked"


@EVERY
async def test_a_vendor_that_is_down_says_nothing_about_the_key(vendor: Vendor) -> None:
    async with at(vendor) as (provider, server):
        server.refusal = lambda seen: Status(503)  # type: ignore[method-assign]
        with pytest.raises(Retry) as caught:
            await provider.check()
        assert caught.value.reason == "ProviderDown"


async def test_a_compatible_server_that_lists_nothing_is_not_a_bad_key() -> None:
    class Bare(OpenAIServer):
        def other(self, seen: Seen) -> tuple[int, object]:
            return 404, self.error("not_found", seen.path)

    async with Bare() as server:
        account = {"provider": "openai-compatible", "baseUrl": server.url}
        provider = open_provider(account, KEY)
        await provider.check()
        await provider.close()


@EVERY
@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
@pytest.mark.parametrize("fault", [400, 401, 403, 404, 429, 500, "inside"])
async def test_a_vendor_that_quotes_the_key_does_not_bring_it_out(
    vendor: Vendor, form: str, fault: int | str
) -> None:
    said = f"what is {form} for a key? " * 2
    step = Inside(message=said) if isinstance(fault, str) else Status(fault, said)
    async with vendor.server([step]) as server:
        account = {"provider": vendor.provider, "baseUrl": server.url}
        provider = open_provider(account, SECRET)
        with pytest.raises(P42Error) as caught:
            await pieces(provider)
        await provider.close()
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert all(one not in shown for one in FORMS)


@EVERY
async def test_a_provider_does_not_show_its_key(vendor: Vendor) -> None:
    async with at(vendor) as (provider, _):
        shown = repr(provider) + str(vars(provider))
    assert KEY not in shown
