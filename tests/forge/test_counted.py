"""Three answers are paid for at most, whatever is wrong with each, and none of them twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from p42.kinds.command import kind
from p42.model.plan import Outcome
from tests.forge.test_attempts import AUTO, LA, some, talk
from tests.forge.test_prompt import SING, Anvil, answer, anvil
from tests.providers.vendors import Say, Status

NO, WRONG, UNREAD = (
    Say("Sure, here it is."),
    answer("echo lu"),
    answer("if true; then\n  echo la\n"),
)


async def settled(there: Anvil, **given: object) -> str:
    status = (await there.passes(**given)).status
    return f"{status.reason}: {status.message}"


@pytest.mark.parametrize(("script", "told"), [
    ([NO, WRONG, NO], "TestsFailed: of 3 answers none is good enough; the last: it is no JSON"),
    ([WRONG, NO, WRONG], "TestsFailed: of 3 answers none is good enough; the last: test 1"),
    ([NO, NO, NO], "Blocked: of 3 answers none is a command; the last: it is no JSON"),
    ([UNREAD, NO, UNREAD], "Blocked: of 3 answers none is good enough; the last: it is no bash"),
    ([WRONG, UNREAD, UNREAD], "TestsFailed: of 3 scripts none is good enough; the last: it is no"),
])  # fmt: skip
async def test_one_counter_counts_them_all(tmp_path: Path, script: list[Say], told: str) -> None:
    """Three tries of three answers each were nine calls; and a script that only could not be read
    is told of as one that failed its tests.
    """
    async with anvil(tmp_path, *script, *[NO] * 9) as there:
        assert (await settled(there, **AUTO)).startswith(told)
        assert len(there.server.completions) == 3
        assert await settled(there, **AUTO) == await settled(there, **AUTO)
        assert len(there.server.completions) == 3


async def test_what_was_wrong_with_each_is_said_in_its_turn(tmp_path: Path) -> None:
    async with anvil(tmp_path, NO, WRONG, answer("echo la")) as there:
        assert (await there.passes(**AUTO)).status.ready == "True"
        _, said, told, wrong, failed = talk(there)
        assert said["content"] == NO.text
        assert "cannot be used: it is no JSON object" in told["content"]
        assert "echo lu" in wrong["content"]
        assert "it fails: test 1" in failed["content"]


@pytest.mark.parametrize("kills", range(2, 7))
async def test_a_daemon_killed_after_an_answer_nobody_can_use_pays_for_no_other(
    tmp_path: Path, kills: int
) -> None:
    script = [NO, WRONG, answer("echo la")]
    asked, reason = 0, ""
    for _ in range(40):
        async with anvil(tmp_path, *script[asked:]) as there:
            reason = await some(there, kills)
            asked += len(there.server.completions)
        if reason == "Reconciled":
            break
    assert (reason, asked) == ("Reconciled", 3)


async def test_an_answer_nobody_can_use_does_not_end_the_row_that_began_after_an_approval(
    tmp_path: Path,
) -> None:
    (room := tmp_path / "room").mkdir()
    given = {**LA, "sandbox": {"read": [str(room)]}}
    async with anvil(tmp_path, WRONG, NO, answer("echo la")) as there:
        assert (await there.passes(**given)).status.reason == "NeedsApproval"
        assert (await there.agree(**given)).status.reason == "NeedsApproval"
        assert there.lock.current.source == "echo la\n"
        assert (await there.agree(**given)).status.ready == "True"


async def test_what_passes_by_itself_is_no_persons_to_mend(tmp_path: Path) -> None:
    """It said that it is asked again by itself, and in the same breath to change the prompt."""
    async with anvil(tmp_path, *[Status(503, headers={"retry-after": "0"})] * 3) as there:
        status = (await there.passes()).status
        assert status.reason == "ProviderDown"
        for text in (status.message, status.template):
            assert "change the prompt" not in text
            assert "p42 forge" not in text
        assert status.message.endswith("; it is forged once that has passed")


async def test_a_dry_run_does_not_claim_that_a_lock_was_written(tmp_path: Path) -> None:
    async with anvil(tmp_path) as there:
        want, now = there.want(), there.clock.now()
        seen = await kind.driver(there.world).observe(SING, want)
        for _ in range(6):
            plan = kind.plan(want, seen, now)
            for step in plan.steps:
                seen = kind.predict(seen, step)
            if not plan.steps:
                seen = kind.finish(seen, Outcome("", ok=True))
        assert "was written" not in plan.status.text
        assert "forged/sing.lock.yaml" in plan.status.text
