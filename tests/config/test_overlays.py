"""What config.toml says of an account or agent stands in for what its manifest leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from p42.config.overlays import overlays
from p42.config.settings import load
from p42.engine.specs import Specs
from p42.kinds import discover
from p42.model.errors import InvalidInput
from p42.model.refs import Ref
from p42.model.resource import Place, Resource

FOUNDING = """\
[accounts.personal]
provider = "anthropic"
models = ["claude-3-5-sonnet", "claude-3-opus"]
rate_limit = 100 # requests per hour
[accounts.work]
provider = "openai"
monthly_budget = 50.00
[agents.engineer]
preferred_model = "claude-3-5-sonnet"
temperature = 0.3
"""


def specs(home: Path, text: str) -> Specs:
    (home / "config.toml").write_text(text)
    return Specs(discover(), fallback={}, overlays=overlays(load(home, env={})))


def declared(kind: str, name: str, **spec: object) -> Resource:
    return Resource(Ref(kind, name), Place("/m.yaml", 0, 1), spec, digest="d")


def test_the_founding_documents_tables_fill_what_manifests_leave_out(tmp_path: Path) -> None:
    made = specs(tmp_path, FOUNDING)
    personal = made.typed(declared("Account", "personal", provider="anthropic", key="env:A")).spec
    assert personal.models == ("claude-3-5-sonnet", "claude-3-opus")
    assert (personal.rate_limit.requests, personal.rate_limit.per) == (100, "1h")
    work = made.typed(declared("Account", "work", provider="openai", key="env:A")).spec
    assert work.budget.monthly_usd == 50
    engineer = made.typed(declared("Agent", "engineer", persona="p")).spec
    assert (engineer.model, engineer.temperature) == ("claude-3-5-sonnet", 0.3)


def test_the_manifest_has_the_last_word(tmp_path: Path) -> None:
    made = specs(tmp_path, FOUNDING)
    engineer = made.typed(declared("Agent", "engineer", persona="p", temperature=0.9)).spec
    assert (engineer.model, engineer.temperature) == ("claude-3-5-sonnet", 0.9)


@pytest.mark.parametrize(
    "line",
    ["temperature = 2.5", "temperature = nan", 'temperature = "hot"'],
)
def test_a_value_no_manifest_could_have_is_an_error_where_it_stands(
    tmp_path: Path, line: str
) -> None:
    with pytest.raises(InvalidInput, match=r"config\.toml:2:"):
        specs(tmp_path, f"[agents.a]\n{line}\n")


@pytest.mark.parametrize("line", ["rate_limit = 0.5", 'base_url = "http://example.com"'])
def test_a_table_of_an_account_is_as_strict(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidInput, match=r"config\.toml:2:"):
        specs(tmp_path, f"[accounts.a]\n{line}\n")
