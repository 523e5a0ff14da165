"""Whatever a vendor does: an error that says who can mend it, soon, and never half an answer."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from p42.model.completion import Cut, Piece, Reply, Usage
from p42.model.errors import Blocked, P42Error, Refused, Retry, TooLong
from p42.model.models import Provider
from p42.providers import pool
from tests.providers.kit import ANTHROPIC, EVERY, OPENAI, Vendor, at, prompt, reply, text
from tests.providers.vendors import (
    CutShort,
    Drip,
    Drop,
    Garbage,
    Hang,
    Inside,
    Raw,
    Say,
    Status,
    Step,
)

FIVE = Say("One two three four five")
JUNK = [
    b"event: message_delta\ndata: {not json}\n\n",
    b"data: \xff\xfe\n\n",
    b"event: content_block_delta\ndata: 42\n\n",
    b"event: content_block_delta\ndata: []\n\n",
    b'event: content_block_delta\ndata: {"type": 7, "choices": 3}\n\n',
    b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": "x", '
    b'"delta": 5, "choices": [7]}\n\n',
    b'event: message_delta\ndata: {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, '
    b'"usage": {"output_tokens": NaN, "completion_tokens": -1}, "choices": []}\n\n',
    b"event: content_block_delta\ndata: " + b"[" * 100_000 + b"\n\n",
]


async def failed(provider: Provider) -> tuple[P42Error, list[Piece]]:
    """The error, and what had come before it."""
    came: list[Piece] = []
    try:
        async for piece in provider.stream(prompt()):
            came.append(piece)  # noqa: PERF401 - what came before the error counts
    except P42Error as error:
        assert not any(isinstance(piece, Reply) for piece in came)
        return error, came
    raise AssertionError(f"no fault: {came}")


async def fault(vendor: Vendor, step: Step) -> P42Error:
    """The error of `step`; and the next call is answered by the same client."""
    async with at(vendor, step) as (provider, _):
        error, came = await failed(provider)
        if isinstance(error, Cut):
            assert error.said == text(came)
        assert (await reply(provider)).text == Say().text
    return error


@EVERY
async def test_a_429_passes_after_the_time_it_names(vendor: Vendor) -> None:
    error = await fault(vendor, Status(429, headers={"retry-after": "7"}))
    assert isinstance(error, Retry)
    assert (error.reason, error.after) == ("RateLimited", 7.0)


@EVERY
async def test_a_429_without_a_time_passes_too(vendor: Vendor) -> None:
    error = await fault(vendor, Status(429))
    assert isinstance(error, Retry)
    assert (error.reason, error.after) == ("RateLimited", None)


async def test_a_retry_after_may_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    error = await fault(ANTHROPIC, Status(429, headers={"retry-after": date}))
    assert isinstance(error, Retry)
    assert error.after is not None
    assert 50 < error.after <= 60


@pytest.mark.parametrize("said", ["nan", "inf", "-5", "soon", "1e999", "", "Fri, 99 Foo 0000"])
async def test_a_retry_after_that_is_no_time_is_none(said: str) -> None:
    error = await fault(ANTHROPIC, Status(429, headers={"retry-after": said}))
    assert isinstance(error, Retry)
    assert error.after is None


async def test_no_vendor_makes_anybody_wait_for_more_than_a_day() -> None:
    error = await fault(OPENAI, Status(429, headers={"retry-after": "999999999"}))
    assert isinstance(error, Retry)
    assert error.after == 86_400


@EVERY
@pytest.mark.parametrize("code", [500, 502, 503, 504, 529, 408])
async def test_a_fault_of_the_vendors_own_passes(vendor: Vendor, code: int) -> None:
    error = await fault(vendor, Status(code, headers={"retry-after": "2"}))
    assert isinstance(error, Retry)
    assert (error.reason, error.after) == ("ProviderDown", 2.0)


@EVERY
@pytest.mark.parametrize("body", [b"<html>502</html>", b"", b"[1]", b'"x"', b"{}", b"\xff"])
async def test_a_refusal_may_have_any_body(vendor: Vendor, body: bytes) -> None:
    assert isinstance(await fault(vendor, Status(502, body=body)), Retry)


@EVERY
async def test_a_model_that_is_not_there_is_for_the_user_to_mend(vendor: Vendor) -> None:
    error = await fault(vendor, Status(404, "no such model: m-1"))
    assert isinstance(error, Blocked)
    assert (error.reason, "no such model: m-1" in str(error)) == ("Blocked", True)


# In each vendor's own words.
TOO_LONG = [
    Status(400, "prompt is too long: 210000 tokens > 200000 maximum"),
    Status(400, "input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000"),
    Status(413, "Request exceeds the maximum size", kind="request_too_large"),
    Status(400, "This model's maximum context length is 8192 tokens.", kind="invalid_request"),
    Status(400, "scripted", kind="context_length_exceeded"),
    Status(400, "Input is too long for requested model."),
    Status(400, "the request exceeds the available context size, try increasing it"),
    Status(400, "Please reduce the length of the messages or completion."),
    Status(400, "This model's maximum prompt length is 131072 but the request contains 200000"),
    Status(400, "too many tokens: total number of tokens in the prompt exceeds the limit"),
    Status(400, "Prompt exceeds max length"),
    Status(422, "Input validation error: `inputs` must have less than 1024 tokens"),
    Status(400, "The input token count (40000) exceeds the maximum number of tokens allowed"),
]


@EVERY
@pytest.mark.parametrize("step", TOO_LONG, ids=lambda step: step.message[:20])
async def test_a_prompt_that_is_too_long_is_known_as_that(vendor: Vendor, step: Step) -> None:
    assert isinstance(await fault(vendor, step), TooLong)


@pytest.mark.parametrize(
    "said",
    [
        "max_tokens: 9000 > 8192, which is the maximum allowed",
        "temperature: range: 0..1",
        "model: x",
    ],
)
async def test_another_refusal_is_not_taken_for_it(said: str) -> None:
    error = await fault(ANTHROPIC, Status(400, said))
    assert isinstance(error, Refused)
    assert not isinstance(error, TooLong)


async def test_a_429_for_want_of_credit_does_not_pass() -> None:
    error = await fault(OPENAI, Status(429, "You exceeded your quota", kind="insufficient_quota"))
    assert isinstance(error, Blocked)
    assert error.reason == "Blocked"


@EVERY
async def test_a_redirect_is_not_followed(vendor: Vendor) -> None:
    elsewhere = {"location": "http://127.0.0.1:9/v1/messages"}
    error = await fault(vendor, Status(307, headers=elsewhere))
    assert isinstance(error, Blocked)
    assert "redirects" in str(error)


@EVERY
@pytest.mark.parametrize("step", [Drop(), Raw(b"nonsense\r\n\r\n"), CutShort(after=0)])
async def test_a_connection_without_an_answer_is_tried_again(vendor: Vendor, step: Step) -> None:
    error = await fault(vendor, step)
    assert isinstance(error, Retry)
    assert error.reason == "ProviderDown"


@EVERY
async def test_nobody_listening_is_a_provider_that_is_down(vendor: Vendor) -> None:
    async with at(vendor) as (provider, server):
        server._server.close()
        error, _ = await failed(provider)
    assert isinstance(error, Retry)
    assert (error.reason, "nothing listens there" in str(error)) == ("ProviderDown", True)


@EVERY
@pytest.mark.parametrize("polite", [False, True])
@pytest.mark.parametrize("after", range(1, 6))
async def test_an_answer_that_broke_off_is_cut(vendor: Vendor, after: int, polite: bool) -> None:
    error = await fault(vendor, CutShort(FIVE, after=after, polite=polite))
    assert isinstance(error, Cut)
    assert error.passes
    assert FIVE.text.startswith(error.said)
    assert error.said != FIVE.text


@EVERY
@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize("after", [0, 3])
async def test_garbage_is_no_crash_and_does_not_pass(
    vendor: Vendor, junk: bytes, after: int
) -> None:
    error = await fault(vendor, Garbage(FIVE, after=after, junk=junk))
    assert isinstance(error, Cut)
    assert not error.passes
    assert error.said in FIVE.text


@EVERY
async def test_an_error_inside_a_200_before_anything_was_said_is_what_it_says(
    vendor: Vendor,
) -> None:
    busy = await fault(vendor, Inside("overloaded_error", after=0))
    slow = await fault(vendor, Inside("rate_limit_error", after=0))
    assert isinstance(busy, Retry)
    assert isinstance(slow, Retry)
    assert (busy.reason, slow.reason) == ("ProviderDown", "RateLimited")


@EVERY
async def test_an_error_inside_a_200_after_words_is_a_cut(vendor: Vendor) -> None:
    error = await fault(vendor, Inside(say=FIVE, after=4))
    assert isinstance(error, Cut)
    assert error.passes
    assert error.said.startswith("One")


@EVERY
async def test_a_200_that_is_an_error_object_is_an_error(vendor: Vendor) -> None:
    body = b'{"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}'
    error = await fault(vendor, Status(200, body=body))
    assert isinstance(error, Retry | Cut)


async def test_a_cut_is_counted_by_what_came_at_most() -> None:
    error = await fault(ANTHROPIC, CutShort(Say("x" * 30, usage=Usage(100, 50)), after=3))
    assert isinstance(error, Cut)
    assert error.usage == Usage(100, 30)


async def test_a_cut_that_nobody_counted_has_no_count() -> None:
    error = await fault(OPENAI, CutShort(FIVE, after=3))
    assert isinstance(error, Cut)
    assert error.usage is None


@EVERY
@pytest.mark.parametrize("step", [Hang(), Drip(FIVE, pace=0.001), Drip(FIVE, pace=0.05)])
async def test_a_deadline_holds_against_a_vendor_that_dawdles(vendor: Vendor, step: Step) -> None:
    async with at(vendor, step) as (provider, server):
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await reply(provider)
        assert time.monotonic() - begun < 10
        await server.until(lambda: server.aborted == 1)
        assert (await reply(provider)).text == Say().text


@EVERY
async def test_an_answer_without_end_is_cut_off(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MOST_BYTES", 100_000)
    async with at(vendor, Say("word " * 40_000)) as (provider, _):
        error, came = await failed(provider)
    assert isinstance(error, Cut)
    assert 0 < len(text(came)) < 100_000
