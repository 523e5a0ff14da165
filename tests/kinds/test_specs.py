"""What manifests may say: the schema refuses what is wrong and takes what is right."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator

from tests.laws.situations import entry_of

RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("Account", {"provider": "local"}),
    ("Account", {"provider": "anthropic", "key": "keychain:p42/my account"}),
    ("Account", {"provider": "anthropic", "key": "env:ANTHROPIC_API_KEY"}),
    ("Account", {"provider": "anthropic", "key": "file:~/keys/work.key"}),
    ("Account", {"provider": "anthropic", "key": "file:/run/secrets/k"}),
    ("Account", {"provider": "ollama", "baseUrl": "http://127.0.0.1:11434"}),
    ("Account", {"provider": "ollama", "baseUrl": "http://localhost:11434/v1"}),
    ("Account", {"provider": "ollama", "baseUrl": "http://[::1]:11434"}),
    ("Account", {"provider": "openai-compatible", "baseUrl": "https://models.example.com/v1"}),
    ("Account", {"provider": "groq", "rateLimit": {"requests": 100.0, "per": "1h"}}),
    ("Account", {"provider": "groq", "budget": {"monthlyUsd": 50, "warnAt": [0.5, 1]}}),
    ("Agent", {}),
    ("Agent", {"temperature": 2, "tools": ["tasks"], "accountRef": "local"}),
    ("Agent", {"runtime": "process", "process": {"command": "claude", "args": [""]}}),
    ("ProjectCI", {"port": 42100}),
    ("ProjectCI", {"port": "auto", "limits": {"memory": "512MiB", "cpu": 0.5}}),
    ("ProjectCI", {"model": "llama", "accountRef": "local"}),
    ("Command", {"source": "echo"}),
    ("Command", {"prompt": "a haiku", "agentRef": "muse", "approve": "auto"}),
    ("Command", {"sourceFile": "a.sh", "dependencies": ["g++", "7z", "x86_64-linux-gnu-gcc"]}),
    ("Command", {"source": "x", "tests": [{"expect": {"exitCode": 255, "stdout": ""}}]}),
    ("Integration", {"type": "tasks"}),
    ("Integration", {"type": "mcp", "config": {"command": "server", "env": {"T": "env:T"}}}),
    ("Integration", {"type": "mcp", "config": {"url": "http://localhost:9000/mcp"}}),
    ("Integration", {"type": "webhook", "config": {"secret": "env:S", "deliver": "agent/muse"}}),
    ("Integration", {"type": "schedule", "cron": "0 9 * * 1-5", "config": {"deliver": "task"}}),
    ("Integration", {"type": "schedule", "cron": "@daily"}),
    ("Integration", {"type": "plugin", "config": {"anything": [1, {"at": "all"}]}}),
]

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("Account", {}),
    ("Account", {"provider": "anthropic", "key": "sk-ant-literal"}),
    ("Account", {"provider": "anthropic", "key": "env:NOT-A-NAME"}),
    ("Account", {"provider": "anthropic", "key": "env:NAME\n"}),
    ("Account", {"provider": "anthropic", "key": "keychain:only-service"}),
    ("Account", {"provider": "anthropic", "key": "file:"}),
    ("Account", {"provider": "anthropic", "key": "file:a\u0000b"}),
    ("Account", {"provider": "openai-compatible"}),
    ("Account", {"provider": "ollama", "baseUrl": "http://models.example.com"}),
    ("Account", {"provider": "ollama", "baseUrl": "http://localhost.evil.example"}),
    ("Account", {"provider": "ollama", "baseUrl": "http://localhost@evil.example"}),
    ("Account", {"provider": "ollama", "baseUrl": "http://127.0.0.1.evil.example"}),
    ("Account", {"provider": "ollama", "baseUrl": "https://user:pw@example.com"}),
    ("Account", {"provider": "ollama", "baseUrl": "file:///etc/passwd"}),
    ("Account", {"provider": "local", "budget": {"monthlyUsd": -1}}),
    ("Account", {"provider": "local", "refresh": {"before": "5 minutes"}}),
    ("Account", {"provider": "local", "default": "yes"}),
    ("Agent", {"temperature": 2.1}),
    ("Agent", {"temperature": -0.1}),
    ("Agent", {"tools": ["Not A Name"]}),
    ("Agent", {"accountRef": "a/b"}),
    ("Agent", {"runtime": "process"}),
    ("Agent", {"persona": "a", "personaFile": "b"}),
    ("Agent", {"memory": {"window": 0}}),
    ("Agent", {"process": {"command": "a", "env": {"NOT-A-NAME": "x"}}}),
    ("ProjectCI", {"port": 0}),
    ("ProjectCI", {"port": 65536}),
    ("ProjectCI", {"port": "42100"}),
    ("ProjectCI", {"agentRef": "a", "accountRef": "b"}),
    ("ProjectCI", {"limits": {"memory": "much"}}),
    ("Command", {}),
    ("Command", {"source": ""}),
    ("Command", {"source": "a", "prompt": "b"}),
    ("Command", {"source": "a", "sourceFile": "b"}),
    ("Command", {"source": "a\u0000"}),
    ("Command", {"source": "a", "language": "perl"}),
    ("Command", {"source": "a", "dependencies": ["--force"]}),
    ("Command", {"source": "a", "dependencies": ["a b"]}),
    ("Command", {"source": "a", "dependencies": ["$(id)"]}),
    ("Command", {"source": "a", "tests": [{"args": ["a\u0000"]}]}),
    ("Command", {"source": "a", "tests": [{"expect": {"exitCode": 256}}]}),
    ("Command", {"source": "a", "test": []}),
    ("Integration", {"type": "carrier-pigeon"}),
    ("Integration", {"type": "mcp"}),
    ("Integration", {"type": "mcp", "config": {"command": "a", "url": "https://b"}}),
    ("Integration", {"type": "mcp", "config": {"comand": "a"}}),
    ("Integration", {"type": "webhook", "config": {"secret": "literal"}}),
    ("Integration", {"type": "webhook", "config": {"deliver": "somewhere"}}),
    ("Integration", {"type": "schedule"}),
    ("Integration", {"type": "schedule", "every": "1h", "cron": "@daily"}),
    ("Integration", {"type": "schedule", "cron": "whenever"}),
]


def _verdicts(kind: str, spec: dict[str, Any]) -> tuple[bool, bool]:
    schema = entry_of(kind).schema
    document = {
        "apiVersion": "p42.dev/v1", "kind": kind, "metadata": {"name": "hello"}, "spec": spec,
    }  # fmt: skip
    python: bool = Draft202012Validator(schema).is_valid(document)
    return python, jsonschema_rs.validator_for(schema).is_valid(document)


@pytest.mark.parametrize(("kind", "spec"), RIGHT)
def test_what_is_right_is_taken(kind: str, spec: dict[str, Any]) -> None:
    assert _verdicts(kind, spec) == (True, True)


@pytest.mark.parametrize(("kind", "spec"), WRONG)
def test_what_is_wrong_is_refused_by_every_validator(kind: str, spec: dict[str, Any]) -> None:
    assert _verdicts(kind, spec) == (False, False)
