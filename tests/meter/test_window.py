"""Rate limits: no stretch of time has too many, over restarts and clocks that are set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.ai.meter.limits import Limits
from p42.ai.meter.window import SLOTS, Steady, Window
from p42.model.errors import Blocked, InvalidInput, Retry
from tests.meter.scene import DAY, JANUARY, Scene, Timepiece, killed, limited, opened

CALLS = st.lists(st.tuples(st.floats(0, 30), st.integers(0, 50)), min_size=1, max_size=60)


@settings(max_examples=150)
@given(
    calls=CALLS, most=st.integers(1, 8), tokens=st.integers(50, 200), per=st.floats(0.5, 60),
    cut=st.integers(0, 60),
)  # fmt: skip
def test_no_stretch_of_time_has_too_many_and_nobody_waits_much_longer_than_needed(
    calls: list[tuple[float, int]], most: int, tokens: int, per: float, cut: int
) -> None:
    limits = Limits(requests=most, tokens=tokens, per=per)
    window, now, made = Window(per), JANUARY, list[tuple[float, int]]()
    for count, (pause, size) in enumerate(calls):
        now += pause
        if count == cut:
            window = Window.from_text(window.text(), per, now)  # a restart
        wait = window.wait(limits, size, now)
        if wait:
            needed = min(at for at, _ in made if at > now - per * (1 + 2 / SLOTS)) + per - now
            assert wait >= needed - 1e-6
            assert fits(made, now + wait, size, limits)
            assert not fits(made, now - 2 * per / SLOTS, size, limits)
            for at in (at + per - 1e-4 * per for at, _ in made if at + per > now):
                # A moment before each call leaves the stretch, where a step too few would show.
                if not fits(made, at, size, limits):
                    assert Window.from_text(window.text(), per, now).wait(limits, size, at) > 0
            continue
        made.append((now, size))
        window.add(size, now)
        assert fits(made[:-1], now, size, limits)


def fits(made: list[tuple[float, int]], now: float, size: int, limits: Limits) -> bool:
    recent = [tokens for at, tokens in made if at > now - limits.per + 1e-6]
    assert limits.requests is not None
    assert limits.tokens is not None
    return len(recent) < limits.requests and sum(recent) + size <= limits.tokens


@pytest.mark.parametrize(
    ("per", "seconds"), [("1s", 1), ("1m", 60), ("1h", 3600), ("30d", 30 * DAY)]
)
async def test_a_limit_lasts_its_stretch_over_a_kill(home: Path, per: str, seconds: float) -> None:
    spec, clock = limited(requests=2, per=per), Timepiece()
    with opened(home, clock) as scene:
        await scene.call(spec)
        await scene.call(spec)
        left = killed(home)
    clock.go(seconds * 0.5)
    with opened(left, clock) as scene:
        with pytest.raises(Retry, match="rateLimit is used up") as said:
            await scene.reserve(spec)
        assert said.value.reason == "RateLimited"
        assert said.value.after == pytest.approx(seconds * 0.5, rel=2.1 / SLOTS)
        clock.go(said.value.after or 0)
        await scene.call(spec)


async def test_what_was_not_used_of_the_tokens_is_given_back(scene: Scene) -> None:
    spec = limited(tokens=1000)
    for _ in range(9):
        await scene.settle(await scene.reserve(spec, 900), 10)
    reservation = await scene.reserve(spec, 900)
    with pytest.raises(Retry):
        await scene.reserve(spec, 900)
    await scene.settle(reservation, 10)
    await scene.settle(reservation, 10)  # once more: it is not given back twice
    await scene.settle(await scene.reserve(spec, 900), 900)
    with pytest.raises(Retry):
        await scene.reserve(spec, 1)


@pytest.mark.parametrize(
    ("rate", "match"),
    [({"tokens": 99}, "99 tokens in 1m.*can take 100"), ({"requests": 0}, "no request")],
)
async def test_what_no_wait_would_let_through_is_said_at_once(
    scene: Scene, rate: dict[str, int], match: str
) -> None:
    with pytest.raises(Blocked, match=match):
        await scene.reserve(limited(**rate), 100)


@pytest.mark.parametrize("rate", [{"requests": -1}, {"tokens": 1.5}, {"requests": 1, "per": "0s"},
                                  {"requests": 1, "per": "soon"}])  # fmt: skip
async def test_what_is_no_limit_is_refused(scene: Scene, rate: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="account/personal: its limits do not hold"):
        await scene.reserve(limited(**rate))


@pytest.mark.parametrize("days", [-400, -1, 1])
async def test_a_clock_that_is_set_neither_frees_nor_freezes_a_limit(
    home: Path, days: float
) -> None:
    spec, clock = limited(requests=1, per="1h"), Timepiece()
    with opened(home, clock) as scene:
        clock.go(DAY)
        await scene.call(spec)
        if days < 0:
            clock.at += days * DAY
            with pytest.raises(Retry) as said:
                await scene.reserve(spec)
            assert 3500 < (said.value.after or 0) < 3700
    clock.at -= abs(days) * DAY  # and once more, while p42 is down
    with opened(home, clock) as scene:
        with pytest.raises(Retry) as said:
            await scene.reserve(spec)
        assert 3500 < (said.value.after or 0) < 3700
        clock.go(3700)
        await scene.call(spec)


async def test_another_stretch_goes_on_with_what_was_counted(scene: Scene) -> None:
    for _ in range(3):
        await scene.call(limited(requests=3, per="1m"))
    for per, least in (("1h", 3500), ("2h", 7000)):
        with pytest.raises(Retry) as said:
            await scene.reserve(limited(requests=3, per=per))
        assert (said.value.after or 0) > least
    scene.clock.go(200)  # steps of two hours count as late as they can have been
    await scene.call(limited(requests=3, per="1m"))


def test_time_goes_on_over_sleep_and_never_back() -> None:
    clock = Timepiece()
    steady = Steady(clock)
    clock.at += 3600  # asleep: the monotonic clock stood still
    assert steady.now() == JANUARY + 3600
    clock.at -= 7200
    assert steady.now() == JANUARY + 3600
    clock.go(5)
    assert steady.now() == JANUARY + 3605
