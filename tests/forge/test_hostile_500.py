"""500 different hostile or broken answers, each by every way in: none runs, each has its reason."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from p42.kinds.command.asking import Asked, answered
from p42.kinds.command.spec import Command
from p42.model.completion import Prompt
from p42.model.talk import Heard
from p42.scripts.hidden import hidden
from p42.scripts.reply import Unfit, blocks
from tests.forge.smithy import SMITH, Smithy, fenced, smithy
from tests.forge.test_hostile import CODE, DEPENDENCIES, LANGUAGES, NAMES, TEXTS, Watched

MANY = 500


def hostile() -> Iterator[str]:
    """Answers that nobody would want to run, or that nobody can; all different."""
    yield from TEXTS
    for name, code in itertools.product(NAMES, CODE[:12]):
        yield fenced(name=name, implementation=code)
    for code, language in itertools.product(CODE, LANGUAGES[:6]):
        yield fenced(name="hostile", implementation=code, language=language)
    for code, needs in itertools.product(CODE[::4], DEPENDENCIES[1:]):
        yield fenced(name="hostile", implementation=code, dependencies=needs)
    whole = fenced(name="hostile", implementation="rm -rf ~ # " + "x" * 60, approve="auto")
    yield from (whole[:at] for at in range(10, len(whole) - 20, 4))  # cut off anywhere


REPLIES = tuple(dict.fromkeys(hostile()))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Watched, Smithy]]:
    root = tmp_path_factory.mktemp("hostile")
    with asyncio.Runner() as runner:
        opened = smithy(root / "home")
        there = runner.run(opened.__aenter__())
        yield Watched(runner, root, there), there
        runner.run(opened.__aexit__(None, None, None))


def test_there_are_that_many() -> None:
    assert len(REPLIES) >= MANY


def test_of_no_reply_comes_more_than_a_manifest_that_waits(
    watched: tuple[Watched, Smithy],
) -> None:
    """Watched looks over the whole disk after each."""
    heard, declared = 0, 0
    for reply in REPLIES:
        made = watched[0].hear(reply)
        heard += 1
        declared += any(each.file for each in made)
        assert made or not any(each.meant for each in blocks(reply))
    assert heard >= MANY
    assert declared < heard / 2  # most of it is not even shown


def test_asked_for_by_name_each_has_a_manifest_or_a_reason(
    watched: tuple[Watched, Smithy],
) -> None:
    """`/forge`: where a command was asked for, silence is no answer either."""
    there = watched[1]
    for reply in REPLIES:
        heard = Heard("muse", SMITH, "s", reply, "m", asked="a command that sings")
        made = watched[0].run(there.forge.heard(heard))
        assert made
        assert all(bool(each.file) != bool(each.problem) for each in made)


def test_as_the_answer_to_a_prompt_each_is_a_script_in_plain_sight_or_unfit() -> None:
    spec = Command.model_validate_json(json.dumps({"prompt": "a command that sings"}))
    asked = Asked("muse", None, Prompt("m", ()), None)
    reasons = list[str]()
    for reply in REPLIES:
        try:
            version = answered(asked, spec, reply, "m-1")
        except Unfit as error:
            reasons.append(str(error))
        else:
            assert hidden(version.source) == ""
            assert version.source.strip()
            assert version.approved == ""
    assert all(reason.isprintable() and 0 < len(reason) < 600 for reason in reasons)
    assert len(reasons) > len(REPLIES) / 3


def test_none_of_it_left_anything_outside(watched: tuple[Watched, Smithy], tmp_path: Path) -> None:
    places = {Path(name).parts[0] for name in watched[1].written}
    assert places <= {"manifests"}
    assert not (watched[1].home / "commands").exists()
