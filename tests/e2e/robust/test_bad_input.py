"""Bad input gets a place, a sentence and exit 3, from `validate` and `apply` alike; nothing more.

Never a traceback, never a crash, never a hang: ten seconds are for the start of Python on a busy
machine, the bench measures the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.robust.box import Box, Said
from tests.e2e.robust.powers import needs_permissions, powerless
from tests.e2e.robust.texts import API, agent, command, document, joined

PLACE = re.compile(r"^(?P<file>\S.*?):(?P<line>\d+):(?P<column>\d+): error: \S", re.M)
HANG = 10.0  # s
Make = Callable[[Path], object]


def text(content: str | bytes, name: str = "bad.yaml") -> Make:
    data = content.encode() if isinstance(content, str) else content
    return lambda where: (where / name).write_bytes(data)


def named(name: str) -> str:
    return f"{API}kind: Command\nmetadata: {{name: {name}}}\nspec: {{source: x}}\n"


def bomb(levels: int = 12) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return command("bomb") + "  " + "\n  ".join(lines) + "\n"


def locked(where: Path) -> None:
    inner = where / "inner"
    inner.mkdir()
    (inner / "x.yaml").write_text(command("x"))
    inner.chmod(0)


def outside(where: Path) -> None:
    (where.parent / "outside.sh").write_text("echo outside\n")
    (where / "bad.yaml").write_text(document("Command", "x", {"sourceFile": "../outside.sh"}))


def outside_by_a_link(where: Path) -> None:
    (where / "in.sh").symlink_to("/etc/passwd")
    (where / "bad.yaml").write_text(document("Command", "x", {"sourceFile": "in.sh"}))


def twice(where: Path) -> None:
    (where / "a.yaml").write_text(command("same"))
    (where / "b.yaml").write_text(command("same", "echo b"))


BAD: dict[str, tuple[Make, tuple[str, ...]]] = {
    "not-yaml": (text(command("x") + "  a: [1, 2\n"), ("bad.yaml:",)),
    "tab": (text(f"{API}kind: Command\nmetadata:\n\tname: x\n"), ("bad.yaml:4:1",)),
    "duplicate-key": (text(command("x") + "  source: y\n"), ("bad.yaml:7:3", "source")),
    "unknown-field": (
        text(command("x").replace("source:", "sorce:")), ("bad.yaml:5:3", "did you mean source"),
    ),
    "wrong-type": (text(document("Command", "x", {"source": 5})), ("bad.yaml:4:", "spec.source")),
    "out-of-range": (text(agent("x", temperature=3.5)), ("bad.yaml:4:", "maximum of 2")),
    "unknown-kind": (text(command("x").replace("Command", "Comand")), ("did you mean Command",)),
    "no-api-version": (text(command("x").removeprefix(API)), ("apiVersion",)),
    "other-version": (text(command("x").replace("/v1", "/v9")), ("p42.dev/v1",)),
    "no-name": (text(f"{API}kind: Command\nmetadata: {{}}\nspec: {{source: x}}\n"), ("name",)),
    "name-with-slash": (text(named("a/b")), ("bad.yaml:3:",)),
    "name-dot-dot": (text(named("..")), ("bad.yaml:3:",)),
    "name-nul": (text(named('"a\\0b"')), ("bad.yaml:3:",)),
    "name-newline": (text(named('"a\\n"')), ("bad.yaml:3:",)),
    "name-number": (text(named("42")), ("bad.yaml:3:",)),
    "same-name-twice": (twice, ("a.yaml:", "b.yaml:", "also")),
    "same-name-in-one-file": (
        text(joined(command("x"), command("x"))), ("bad.yaml:1", "bad.yaml:8", "also"),
    ),
    "two-defaults": (
        text(joined(*(document("Account", n, {"provider": "local", "default": True})
                      for n in "ab"))), ("bad.yaml:",),
    ),
    "python-object": (
        text(command("x") + '  description: !!python/object/apply:os.system ["touch /tmp/p42"]\n'),
        ("bad.yaml:7:", "tag"),
    ),
    "alias-bomb": (text(bomb()), ("bad.yaml:",)),
    "deep": (text(command("x") + "  tests: " + "[" * 200_000), ("bad.yaml:7:",)),
    "deep-json": (text('{"apiVersion": "p42.dev/v1", "a": ' + "[" * 200_000, "bad.json"),
                  ("bad.json:1:",)),
    "ten-megabytes": (text(command("x") + "# " + "x" * 10_000_000), ("bad.yaml:1:1", "1,048,576")),
    "binary": (text(bytes(range(256)) * 8 + b"p42.dev/v1"), ("bad.yaml:",)),
    "utf-16": (text(command("x").encode("utf-16")), ("bad.yaml:1:", "UTF-8")),
    "nan": (text(agent("x", temperature=1).replace("1}", ".nan}")), ("bad.yaml:4:",)),
    "merge-conflict": (text("<<<<<<< HEAD\n" + command("x")), ("bad.yaml:",)),
    "literal-key": (
        text(document("Account", "x", {"provider": "openai", "key": "sk-" + "aB3" * 16})),
        ("bad.yaml:4:",),
    ),
    "missing-source-file": (
        text(document("Command", "x", {"sourceFile": "nowhere.sh"})), ("bad.yaml:4:", "nowhere.sh"),
    ),
    "source-file-outside": (outside, ("bad.yaml:4:", "outside")),
    "source-file-linked-outside": (outside_by_a_link, ("bad.yaml:4:",)),
}  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """One daemon for all of them: none may bring it down."""
    box = Box(tmp_path_factory.mktemp("bad"))
    box.serve()
    yield box
    box.close()


def refused(said: Said, expected: tuple[str, ...]) -> None:
    assert said.code == 3, said
    told = said.out + said.err
    assert PLACE.search(told), told
    for words in expected:
        assert words in told, told[:3000]
    assert len(told) < 20_000


@pytest.mark.parametrize("flaw", BAD)
def test_bad_input_is_refused_with_its_place_and_exit_3(
    running: Box, tmp_path: Path, flaw: str
) -> None:
    make, expected = BAD[flaw]
    where = tmp_path / "bad"
    where.mkdir()
    make(where)
    refused(running("validate", str(where), timeout=HANG), expected)
    applied = running("apply", "-f", str(where), timeout=HANG)
    refused(applied, expected)
    assert "nothing was applied" in applied.out + applied.err
    assert running.overview()["items"] == []


def test_a_key_that_is_refused_is_not_shown(running: Box, tmp_path: Path) -> None:
    make, _ = BAD["literal-key"]
    make(tmp_path)
    for verb in (("validate", str(tmp_path)), ("apply", "-f", str(tmp_path))):
        said = running(*verb)
        assert "aB3aB3" not in said.out + said.err


@needs_permissions
def test_a_directory_that_is_not_readable_is_told(running: Box, tmp_path: Path) -> None:
    locked(tmp_path)
    try:
        refused(running("validate", str(tmp_path), timeout=HANG, before=powerless()), ("inner",))
    finally:
        (tmp_path / "inner").chmod(0o700)


def test_a_loop_of_links_ends(running: Box, tmp_path: Path) -> None:
    (tmp_path / "ring.yaml").symlink_to("ring.yaml")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "good.yaml").write_text(command("good"))
    said = running("validate", str(tmp_path), "--format", "json", timeout=HANG)
    assert said.json["resources"] == 1
    assert said.code in (0, 3)


STRANGERS = {
    "package.json": '{"name": "x", "version": "1.0.0", "kind": "module"}',
    "package-lock.json": '{"lockfileVersion": 3, "packages": {}}',
    "compose.yaml": "services: {web: {image: nginx, ports: ['80:80']}}\n",
    "deploy.yaml": "apiVersion: apps/v1\nkind: Deployment\n---\n{{ helm }}\n",
    ".github/workflows/ci.yml": "on: push\njobs: {}\n",
    "mkdocs.yml": "plugins: !!python/name:material.extensions.emoji.twemoji\n",
    "broken.yaml": "a: [\n",
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\n",
    "node_modules/x/bad.yaml": API + "kind: Command\n",
    "tsconfig.json": '{"compilerOptions": {}, // a comment\n}',
}


def test_other_peoples_files_are_no_manifests_and_no_error(running: Box, tmp_path: Path) -> None:
    for name, content in STRANGERS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "good.yaml").write_text(agent("strange-neighbours"))
    said = running("validate", str(tmp_path), "--format", "json")
    assert said.code == 0, said.out
    assert (said.json["resources"], said.json["diagnostics"]) == (1, [])
    assert running("apply", "-f", str(tmp_path)).code == 0
    assert running("delete", "-f", str(tmp_path)).code == 0
