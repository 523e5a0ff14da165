"""How an account stands: what is asked of its vendor, when, and what the file gets to hear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from p42.ai.accounts import checks
from p42.ai.accounts.directory import LOCAL_MODEL
from p42.localserver.program import NAME
from p42.model.completion import Health
from p42.model.errors import Blocked
from p42.model.refs import Ref
from tests.ai.scene import KEY, There, scene, spec
from tests.providers.vendors import AnthropicServer, OpenAIServer, Say, Status

MAIN = Ref("Account", "main")
VENDORS = pytest.mark.parametrize("vendor", [AnthropicServer, OpenAIServer])


async def until(there: There, account: Mapping[str, Any], true: Callable[[Health], bool]) -> Health:
    """The first health of MAIN for which `true` holds; asked again as a worker would be woken."""
    following: Any = there.accounts.follow()
    try:
        async with asyncio.timeout(10):
            while True:
                health = await there.accounts.health(MAIN, account)
                if true(health):
                    return health
                await anext(following)
    finally:
        await following.aclose()


async def known(there: There, account: Mapping[str, Any]) -> Health:
    """What is known once the vendor has been asked."""
    return await until(there, account, lambda health: health.reason != "InProgress")


def looks(server: Any) -> int:
    """How often the list of models was asked for: that spends nothing."""
    assert server.completions == []
    return len(server.requests)


@VENDORS
async def test_a_key_is_checked_once_in_the_background_and_nothing_is_spent(
    vendor: Any, tmp_path: Path
) -> None:
    async with vendor(key=KEY) as server, scene(tmp_path, main=spec(server)) as there:
        first = await there.accounts.health(MAIN, spec(server))
        assert first.reason == "InProgress"
        assert server.requests == []  # whoever looks at an account waits for nobody
        assert (await known(there, spec(server))).reason == ""
        asked = looks(server)
        for _ in range(20):
            assert (await there.accounts.health(MAIN, spec(server))).reason == ""
        assert looks(server) == asked


@VENDORS
async def test_a_key_the_vendor_refuses_is_rejected_and_shown_nowhere(
    vendor: Any, tmp_path: Path
) -> None:
    async with vendor(key="sk-another-key") as server, scene(tmp_path, main=spec(server)) as there:
        health = await known(there, spec(server))
        assert health.reason == "KeyRejected"
        assert "`p42 account login main`" in health.message
        assert health.template == f"127.0.0.1:{server.port} refused the key"
        assert KEY not in health.message + health.template


@VENDORS
async def test_a_new_key_is_a_new_question_and_a_new_client(vendor: Any, tmp_path: Path) -> None:
    async with (
        vendor(key="sk-the-right-one") as server,
        scene(tmp_path, main=spec(server)) as there,
    ):
        assert (await known(there, spec(server))).reason == "KeyRejected"
        there.keys["KEY"] = "sk-the-right-one"
        assert (await there.ask()).answer  # a call reads the key as it is now
        assert (await known(there, spec(server))).reason == ""
        assert len(there.opened) == 2


async def test_a_call_that_is_refused_its_key_tells_the_account(tmp_path: Path) -> None:
    async with AnthropicServer(key=KEY) as server, scene(tmp_path, main=spec(server)) as there:
        assert (await known(there, spec(server))).reason == ""
        server.key = "sk-it-was-revoked"
        with pytest.raises(Blocked):
            await there.ask()
        assert (await there.accounts.health(MAIN, spec(server))).reason == "KeyRejected"
        server.key = KEY
        await there.ask()
        assert (await there.accounts.health(MAIN, spec(server))).reason == ""


async def test_a_spec_that_leads_elsewhere_is_a_new_question_and_a_budget_is_none(
    tmp_path: Path,
) -> None:
    async with AnthropicServer() as one, AnthropicServer() as other, scene(tmp_path) as there:
        await known(there, spec(one))
        asked = looks(one)
        assert (await there.accounts.health(MAIN, spec(one, models=["m-2"]))).reason == ""
        assert (await there.accounts.health(MAIN, spec(other))).reason == "InProgress"
        await known(there, spec(other))
        assert looks(one) == asked
        assert looks(other) > 0


async def test_a_machine_without_network_says_so_and_asks_again(tmp_path: Path) -> None:
    async with AnthropicServer() as server:
        account = spec(server)
    async with scene(tmp_path, main=account) as there:  # nobody listens there any more
        health = await known(there, account)
        assert health.reason == "ProviderDown"
        assert health.template == ""  # it passes: the file hears nothing of it


async def test_a_provider_that_comes_back_is_found_by_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "AGAIN", 0.0)
    answers = [Status(503)]

    class Back(AnthropicServer):
        def refusal(self, seen: Any) -> Status | None:
            return answers.pop() if answers else None

    async with Back() as server, scene(tmp_path, main=spec(server)) as there:
        assert (await known(there, spec(server))).reason == "ProviderDown"
        assert (await until(there, spec(server), lambda health: not health.reason)).reason == ""


async def test_recheck_asks_now_and_waits_for_the_answer(tmp_path: Path) -> None:
    async with AnthropicServer(key=KEY) as server, scene(tmp_path, main=spec(server)) as there:
        server.key = "sk-other"
        assert (await there.accounts.recheck(MAIN)).reason == "KeyRejected"
        server.key = KEY
        assert (await there.accounts.recheck(MAIN)).reason == ""


async def test_a_key_that_leads_nowhere_says_which_reference(tmp_path: Path) -> None:
    async with (
        AnthropicServer() as server,
        scene(tmp_path, main=spec(server, key="env:NOT_THERE")) as there,
    ):
        with pytest.raises(Blocked, match="env:NOT_THERE") as blocked:
            await there.ask()
        assert blocked.value.reason == "KeyMissing"
        assert server.requests == []


async def test_a_vendor_that_asks_for_a_rest_gets_it_and_the_account_says_so(
    tmp_path: Path,
) -> None:
    steps = [Status(429, headers={"retry-after": "30"})]
    async with AnthropicServer(steps) as server, scene(tmp_path, main=spec(server)) as there:
        await known(there, spec(server))
        with pytest.raises(Exception, match="tried again in 30 s"):
            await there.ask(timeout=5)
        health = await there.accounts.health(MAIN, spec(server))
        assert health.reason == "RateLimited"
        assert health.template == ""


async def test_a_local_account_without_the_model_says_what_to_install(tmp_path: Path) -> None:
    account = {"provider": "local", "models": [], "default": True}
    async with scene(tmp_path, main=account) as there:
        health = await there.accounts.health(MAIN, account)
        assert (health.reason, health.template) == ("Blocked", "not installed")
        with pytest.raises(Blocked, match="not installed"):
            await there.ask()


async def test_a_local_account_asks_the_server_that_runs_and_holds_it_meanwhile(
    tmp_path: Path,
) -> None:
    class Here:
        held = 0
        slots = 0

        def check(self) -> None:
            """It is installed."""

        def want(self, slots: int) -> None:
            self.slots = slots

        async def address(self) -> tuple[str, str]:
            assert self.held == 1
            return server.url, "key-of-the-moment"

        def hold(self) -> Any:
            here = self

            class Held(nullcontext[None]):
                def __enter__(self) -> None:
                    here.held += 1

                def __exit__(self, *_: object) -> None:
                    here.held -= 1

            return Held()

    here = Here()
    account = {"provider": "local", "models": [], "rateLimit": {"concurrent": 4}}
    steps = [Say("one"), Say("two")]
    async with (
        OpenAIServer(steps, key="key-of-the-moment") as server,
        scene(tmp_path, local=here, main=account) as there,
    ):
        assert (await there.accounts.health(MAIN, account)).reason == ""
        assert server.requests == []  # it is not started to be looked at
        told = await there.ask(prompt={"max_tokens": 5000}, timeout=20)
        assert told.text == "one"
        assert told.answer is not None
        assert told.answer.cost == 0
        assert server.completions[0].body["model"] == LOCAL_MODEL == NAME
        assert server.completions[0].body["max_tokens"] <= 20 * 2
        assert (here.held, here.slots) == (0, 4)


async def test_which_account_is_meant(tmp_path: Path) -> None:
    async with AnthropicServer() as server, scene(tmp_path) as there:
        with pytest.raises(Blocked, match="no account is declared"):
            await there.ask()
        await there.declare("one", spec(server))
        told = await there.ask()
        assert told.answer is not None
        assert told.answer.account == "one"  # the only one there is
        await there.declare("two", spec(server))
        with pytest.raises(Blocked, match=r"default: true.*one, two"):
            await there.ask()
        await there.declare("two", spec(server, default=True))
        told = await there.ask()
        assert told.answer is not None
        assert told.answer.account == "two"
        with pytest.raises(Blocked, match=r"no account 'three'; there is: one, two"):
            await there.ask(account="three")
        await there.declare("bare", spec(server, models=[]))
        with pytest.raises(Blocked, match="names no model"):
            await there.ask(account="bare")
        assert (await there.ask(account="bare", model="m-9")).answer


async def test_a_client_that_is_replaced_is_closed_when_its_last_call_has_ended(
    tmp_path: Path,
) -> None:
    hold = asyncio.Event()
    async with (
        AnthropicServer([Say("slow", hold=hold), Say("quick")]) as server,
        scene(tmp_path, main=spec(server)) as there,
    ):
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(there.ask())
            await server.until(lambda: server.open == 1)
            there.keys["KEY"] = "sk-another-key-of-mine"
            assert (await there.ask()).text == "quick"
            assert len(there.opened) == 2
            hold.set()
        assert slow.result().text == "slow"


async def test_a_key_that_was_renewed_meanwhile_is_used_at_once(tmp_path: Path) -> None:
    """A token that ran out under a call is no reason to trouble anybody."""

    class Renews(AnthropicServer):
        def refusal(self, seen: Any) -> Status | None:
            if KEY in str(seen.headers):
                there.keys["KEY"] = "sk-the-renewed-one"
                return Status(401, "expired")
            return None

    async with Renews() as server, scene(tmp_path, main=spec(server)) as there:
        assert (await there.ask(request="r-1")).answer
        assert len(server.completions) == 2
        outcomes = [(outcome, cost) for _, outcome, cost in await there.journal()]
        assert outcomes == [("failed", 0), ("ok", 105)]


async def test_limits_that_are_no_amounts_block_the_account_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with AnthropicServer() as server:
        account = spec(server, rateLimit={"requests": 1, "per": "0ms"})
        async with scene(tmp_path, main=account) as there:
            health = await there.accounts.health(MAIN, account)
            assert health.reason == "Blocked"
            assert "rateLimit.per is 0ms" in health.template
