"""What looks like a vendor's key is refused in a manifest; what only resembles one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from p42.manifest.keylike import mask, spans
from p42.manifest.validate import validate

LONG = "Ab1" * 14
KEYS = [
    "sk-ant-api03-abcdef", "sk-proj-abcdef", "sk-abcdefghijkl1", f"gsk_{LONG}",
    "AKIA0123456789ABCDEF", f"ghp_{LONG}", f"github_pat_{LONG}", f"glpat-{LONG}",
    "xoxb-1234567890-ab", "xapp-1-A0123456789", f"AIza{LONG}", f"ya29.{LONG}", f"GOCSPX-{LONG}",
    f"xai-{LONG}", f"pplx-{LONG}", f"nvapi-{LONG}", f"tvly-{LONG}", f"csk-{LONG}",
    f"sk_live_{LONG}", f"rk_test_{LONG}", f"whsec_{LONG}", f"npm_{LONG}", f"pypi-AgEI{LONG}",
    f"r8_{LONG}", f"hf_{LONG}", "AGE-SECRET-KEY-1ABCDEFGHIJKLMNOPQRSTUV",
    "-----BEGIN OPENSSH PRIVATE KEY-----", f"eyJ{LONG}.eyJ{LONG}.{LONG}", f"eyJ{LONG}.eyJ{LONG}.",
    f"p42_0123456789ab_{LONG}x",
]  # fmt: skip
WORDS = [
    "sk-learn-like-names", "task-1234", "a risk-free trial", "eyJust a word", "npm_config_cache",
    "xai-is-a-company-name", "p42_home_directory", "whsec_short", "keychain:p42/anthropic",
    "env:ANTHROPIC_API_KEY", "-----BEGIN CERTIFICATE-----", "SG.x", "desk_live_stream",
    "xoxo", "https://example.org/eyJ", "pplx-the-online-models-are-fast", "r8_speed",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "around", ["{}", "key: '{}'", "Authorization: Bearer {}", "a={};b", "({})"]
)
def test_a_key_is_found_and_masked(key: str, around: str) -> None:
    text = around.format(key)
    assert [text[at:end] for at, end in spans(text)] == [key]
    assert mask(text) == around.format("*" * len(key))


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_not_a_key(word: str) -> None:
    assert not list(spans(word))
    assert mask(word) == word


def test_what_stands_where_a_key_is_named_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "account.yaml"
    file.write_text(
        "apiVersion: p42.dev/v1\nkind: Account\nmetadata: {name: a}\n"
        "spec: {provider: anthropic, key: hunter2-secret, nonsense: 1}\n"
    )
    found = validate([str(file)]).diagnostics
    text = "\n".join(each.as_text() for each in found)
    assert "hunter2" not in text
    assert [(each.path, each.column) for each in found] == [("spec.key", 34), ("spec.nonsense", 50)]
    assert found[0].excerpt == "spec: {provider: anthropic, key: **************, nonsense: 1}"
    assert "keychain:p42/personal, env:ANTHROPIC_API_KEY or file:~/keys/work" in found[0].message
