"""Diagnostics: as a compiler would print them, and safe to print."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from p42.manifest.finding import LINE_WIDTH, Finding, diagnose
from p42.manifest.keylike import mask
from p42.manifest.validate import Report
from tests.manifest.conftest import AGENT, HEAD

Check = Callable[..., Report]


def test_a_finding_reads_as_in_the_design(check: Check) -> None:
    filler = "".join(f"# {n}\n" for n in range(8))
    report = check({"manifests/agents.yaml": filler + HEAD + "spec:\n  temperature: 3.5\n"})
    assert report.diagnostics[0].as_text() == (
        "manifests/agents.yaml:14:16: error: spec.temperature: 3.5 is greater than the maximum "
        "of 2\n   14 |   temperature: 3.5\n      |                ^~~"
    )


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("temprature: 1", "did you mean temperature?"),
        ("Temperature: 1", "did you mean temperature?"),
        ("accountref: x", "did you mean accountRef?"),
        ("runtime: modle", "did you mean model?"),
        ("forge: yes", "write true"),
        ('temperature: "1"', "take the quotes off"),
        ("persona: 12", 'write "12"'),
        ("tools: tasks", "write [tasks]"),
        ("persona:", "give it a value, or take the field out"),
    ],
)
def test_a_finding_says_what_would_be_right(field: str, hint: str, check: Check) -> None:
    report = check({"a.yaml": f"{HEAD}spec:\n  {field}\n"})
    assert report.diagnostics[0].suggestion == hint


def test_an_annotation_that_yaml_reads_as_no_string_is_explained(check: Check) -> None:
    head = HEAD + "  annotations:\n    p42.dev/paused: true\nspec: {}\n"
    found = check({"a.yaml": head}).diagnostics[0]
    assert found.path == "metadata.annotations['p42.dev/paused']"
    assert found.suggestion == 'write "true"'


KEYS = [
    "sk-ant-api03-AbCdEfGhIjKl", "sk-proj-abcdef123456", "sk-1234567890abcdef1234",
    "gsk_abcd1234EFGH", "AKIAIOSFODNN7EXAMPLE", "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "xoxb-123456789012-abcdef", "github_pat_11ABCDEFG0abcdefghij",
    "-----BEGIN RSA PRIVATE KEY-----",
]  # fmt: skip
PLACES = [
    "spec:\n  persona: {key}\n",
    "spec: {{}}\n# {key}\n",
    "spec: {{}}\nstatus: {{note: '{key}'}}\n",
    "  labels: {{a: '{key}'}}\nspec: {{}}\n",
    "spec:\n  model: [{key}]\n",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("place", PLACES)
def test_a_key_anywhere_is_an_error_and_never_shown(key: str, place: str, check: Check) -> None:
    report = check({"a.yaml": HEAD + place.format(key=key)})
    assert "key-literal" in {found.code for found in report.diagnostics}
    shown = "".join(found.as_text() + str(found.as_json()) for found in report.diagnostics)
    assert key not in shown
    assert "****" in shown


@pytest.mark.parametrize(
    "text", ["task-aaaaaaaaaaaaaaaaaaaaaaaa", "sk-learn", "sk-ant-...", "risk-1234567890123",
             "env:OPENAI_API_KEY", "keychain:p42/work", "disk-0123456789abc"],
)  # fmt: skip
def test_ordinary_words_are_no_keys(text: str) -> None:
    assert mask(text) == text


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    found = diagnose(Finding(0, 3, "x", "a\x1b[2Jb"), "na\nme", "\x1b[31mred\tx")
    assert "\x1b" not in found.as_text()
    assert found.as_text().count("\n") == 2


def test_a_line_of_any_length_is_shown_in_part() -> None:
    text = "a: " + "x" * 100_000
    found = diagnose(Finding(3, 100_003, "x", "y" * 100_000), "f", text)
    assert len(found.excerpt) == LINE_WIDTH
    assert len(found.as_text()) < 1500
    assert diagnose(Finding(90_000, 90_001, "x", "y"), "f", text).excerpt == ""


def test_names_are_relative_where_that_is_shorter(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = AGENT.replace("0.8", "8")
    report = check({"deep/er/a.yaml": bad}, "./deep/../deep")
    assert report.diagnostics[0].file == "deep/er/a.yaml"


def test_the_text_sums_up(check: Check) -> None:
    from p42.manifest.formats import render

    assert render(check({"a.yaml": AGENT}), "text") == "1 file, 1 resource: all good\n"
