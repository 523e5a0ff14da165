"""Formats: what CI systems read, checked against the schemas they publish."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import etree

from p42.manifest.formats import FORMATS, render
from p42.manifest.validate import Report
from tests.manifest.conftest import AGENT, HEAD

DATA = Path(__file__).parent / "data"
BAD = HEAD + "spec:\n  temprature: 1\n  temperature: 3.5\n  persona: '<&\" %, ::]]> 100%'\n"
FILES = {
    "good.yaml": AGENT.replace("muse", "good"),
    "a, b: 100% <ä>.yaml": BAD,
    "warned.yaml": HEAD.replace("muse", "warned") + "spec: {accountRef: nobody}\n",
    "broken.yaml": "apiVersion: p42.dev/v1\n\tx: [\n",
}


@pytest.fixture
def report(check: Callable[..., Report]) -> Report:
    return check(FILES)


def test_sarif_is_valid_by_its_published_schema(report: Report) -> None:
    schema = json.loads((DATA / "sarif-2.1.0-rtm.5.json").read_bytes())
    log = json.loads(render(report, "sarif"))
    jsonschema.Draft4Validator(schema).validate(log)
    results = log["runs"][0]["results"]
    assert len(results) == len(report.diagnostics) == 4
    place = results[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%2C%20b%3A%20100%25%20%3C%C3%A4%3E.yaml"
    assert place["region"] == {"startLine": 6, "startColumn": 3, "endColumn": 13}
    assert {result["level"] for result in results} == {"error", "warning"}


def test_junit_is_valid_by_its_published_schema(report: Report) -> None:
    schema = etree.XMLSchema(etree.parse(DATA / "junit-10.xsd"))
    suites = etree.fromstring(render(report, "junit").encode())
    schema.assertValid(suites)
    assert (suites.get("tests"), suites.get("failures")) == ("4", "2")
    cases = {case.get("name"): case for case in suites.iter("testcase")}
    assert set(cases) == set(FILES)
    assert cases["good.yaml"].find("failure") is None
    assert cases["warned.yaml"].find("failure") is None
    assert "nobody is not declared" in cases["warned.yaml"].findtext("system-out")
    assert "^~~" in cases["a, b: 100% <ä>.yaml"].findtext("failure")


def test_an_empty_report_is_valid_everywhere(check: Callable[..., Report]) -> None:
    report = check({})
    for form in FORMATS:
        assert render(report, form).endswith("\n")
    schema = etree.XMLSchema(etree.parse(DATA / "junit-10.xsd"))
    schema.assertValid(etree.fromstring(render(report, "junit").encode()))


def test_json_is_the_contracts(report: Report) -> None:
    body: dict[str, Any] = json.loads(render(report, "json"))
    assert {"files", "resources", "diagnostics"} == set(body)
    assert (body["files"], body["resources"]) == (4, 2)
    wanted = {"file", "line", "column", "path", "severity", "code", "message", "suggestion"}
    assert all(set(found) == wanted for found in body["diagnostics"])


def test_github_commands_are_escaped(report: Report) -> None:
    first, *_ = render(report, "github").splitlines()
    assert first == (
        "::error file=a%2C b%3A 100%25 <ä>.yaml,line=6,col=3,endColumn=13,"
        "title=p42%3A unknown-field::spec.temprature: unknown field (did you mean temperature?)"
    )


def test_text_is_as_a_compiler_prints_it(report: Report) -> None:
    text = render(report, "text")
    assert "broken.yaml:2:1: error: not YAML: a tab cannot indent YAML; use spaces\n" in text
    assert text.endswith("4 files, 2 resources: 3 errors, 1 warning\n")


def test_nothing_a_format_prints_is_unprintable(check: Callable[..., Report]) -> None:
    name = os.fsdecode(b"x\xff\x1b.yaml")
    report = check({name: 'apiVersion: p42.dev/v1\nkind: "a\\u001b\\u0007"\n'})
    for form in FORMATS:
        shown = render(report, form)
        shown.encode()
        assert "\x1b" not in shown
