"""A module that a script imports is no program: no PATH will ever have it, so it is asked again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.scripts.language import Language
from p42.scripts.modules import only_modules
from tests.forge.smithy import smithy
from tests.forge.test_prompt import answer, anvil

FETCH = "import sys, requests\nprint(requests.get(sys.argv[1]).text)\n"


def told(source: str, language: Language, *needs: str, here: tuple[str, ...] = ()) -> str:
    return only_modules(source, language, needs, here.__contains__)


def test_the_reason_says_what_dependencies_are_and_what_to_do() -> None:
    assert told(FETCH, "python", "requests", "jq") == (
        "requests is a Python module, not a program: dependencies are programs (curl, jq); use the "
        "standard library, or leave it out of dependencies and say in the script what to install"
    )
    both = told("import yaml\nfrom requests.auth import A", "python", "yaml", "requests")
    assert both.startswith("yaml, requests are Python modules, not programs: ")
    assert "leave them out" in both


@pytest.mark.parametrize(("source", "language", "name"), [
    ("import os.path, requests.auth as r", "python", "requests"),
    ("def f():\n    from requests import get", "python", "requests"),
    ("try:\n    import rich_click\nexcept ImportError:\n    pass", "python", "rich-click"),
    ("const _ = require( 'lodash/fp' )", "node", "lodash"),
    ('import chalk from "chalk"', "node", "chalk"),
    ("import 'colors'", "node", "colors"),
    ("const { load } = await import(`cheerio`)", "node", "cheerio"),
    ("const fs = require('node:fs')", "node", "fs"),
])  # fmt: skip
def test_every_way_to_import_counts(source: str, language: Language, name: str) -> None:
    assert f"{name} is a {language.capitalize()} module" in told(source, language, name)
    assert told(source, language, name, here=(name,)) == "", "a program of that name is here"


@pytest.mark.parametrize(("source", "language", "name"), [
    ("import subprocess\nsubprocess.run(['jq'])", "python", "jq"),
    ("from . import jq", "python", "jq"),
    ("s = 'import jq'", "python", "jq"),
    ("import (", "python", "jq"),
    ("require('child_process').execSync('jq .')", "node", "jq"),
    ("const x = need('jq')", "node", "jq"),
    ("import requests  # no python", "bash", "requests"),
])  # fmt: skip
def test_a_program_that_is_not_here_yet_is_still_one(
    source: str, language: Language, name: str
) -> None:
    assert told(source, language, name) == ""


@given(st.text(), st.sampled_from(["bash", "python", "node"]))
def test_no_text_breaks_it(source: str, language: Language) -> None:
    told(source, language, "jq")


async def test_a_spec_in_a_reply_that_could_never_run_is_refused(tmp_path: Path) -> None:
    spec = {"name": "fetch", "language": "python", "implementation": FETCH}
    async with smithy(tmp_path / "home") as there:
        made = await there.one(**spec, dependencies=["requests"])
        assert "requests is a Python module" in made.problem
        assert not there.sheet("fetch").exists()
        assert (await there.one(**spec, dependencies=["no-such-tool"])).problem == ""


async def test_a_prompt_is_asked_again_with_the_reason(tmp_path: Path) -> None:
    wrong = answer(FETCH, "python", dependencies=["requests"])
    right = answer("from urllib.request import urlopen\nprint(urlopen)\n", "python")
    async with anvil(tmp_path, wrong, right) as there:
        assert (await there.passes()).status.reason == "NeedsApproval"
        _, again = there.server.completions
        assert "requests is a Python module, not a program" in again.body["messages"][-1]["content"]
