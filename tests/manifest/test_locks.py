"""A lock that no plan could read is an error of `validate`, at its own line; none is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from p42.manifest.validate import validate
from tests.manifest.conftest import Tree

BEE = "apiVersion: p42.dev/v1\nkind: Command\nmetadata: {name: bee}\nspec: {prompt: say bee}\n"
SCRIPT = BEE.replace("prompt: say bee", "source: echo bee")
GOOD = "promptDigest: x\nlanguage: bash\nsource: |\n  echo bee\n"
MERGED = f"<<<<<<< HEAD\n{GOOD}=======\n{GOOD}>>>>>>> theirs\n"


@pytest.mark.parametrize(("lock", "line"), [
    (MERGED, 2), ("promptDigest: x\nsource: {\n  a: [\n", 4), ("a: 1\n", 1),
    ("source: a\nsource: b\n", 3), ("source: a\nlanguage: ruby\n", 1), ("\x00\x01", 1),
])  # fmt: skip
def test_a_lock_that_cannot_be_read_is_an_error_at_its_line(
    tree: Tree, lock: str, line: int
) -> None:
    root = tree({"bee.yaml": BEE, "forged/bee.lock.yaml": lock})
    for path in (root, root / "bee.yaml"):
        report = validate([str(path)])
        assert report.code == 3
        (found,) = report.diagnostics
        assert (found.file.rpartition("/")[2], found.line) == ("bee.lock.yaml", line), found
        assert (found.code, "delete it" in found.suggestion) == ("lock", True)


@pytest.mark.parametrize("files", [
    {"bee.yaml": BEE}, {"bee.yaml": BEE, "forged/bee.lock.yaml": GOOD},
    {"bee.yaml": BEE, "forged/bee.lock.yaml": ""},
    {"bee.yaml": BEE, "forged/gone.lock.yaml": MERGED},  # its manifest is on another branch
    {"bee.yaml": SCRIPT, "forged/bee.lock.yaml": MERGED},
], ids=["none", "good", "empty", "of another", "of a script"])  # fmt: skip
def test_a_lock_that_nobody_reads_is_no_error(tree: Tree, files: dict[str, str]) -> None:
    assert validate([str(tree(files))]).diagnostics == ()


def test_without_a_lock_nothing_is_imported_for_it(tree: Tree) -> None:
    root = tree({"bee.yaml": BEE})
    program = (
        "import sys; from p42.manifest.validate import validate; validate([sys.argv[1]]); "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=True
    )
    assert "p42.scripts.lock" not in done.stdout.split()
