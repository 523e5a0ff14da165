"""What tests of reading share: the kinds of this installation, and trees of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from p42.manifest.kindbook import KindBook
from p42.manifest.read import Reader
from p42.manifest.validate import Report, validate

HEAD = "apiVersion: p42.dev/v1\nkind: Agent\nmetadata:\n  name: muse\n"
AGENT = HEAD + "spec:\n  temperature: 0.8\n"

Tree = Callable[[dict[str, str | bytes]], Path]


@pytest.fixture(scope="session")
def book() -> KindBook:
    return KindBook.load()


@pytest.fixture
def reader(book: KindBook) -> Reader:
    return Reader(book)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Writes files below a fresh directory and returns it."""

    def write(files: dict[str, str | bytes]) -> Path:
        root = tmp_path / "source"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return write


@pytest.fixture
def check(book: KindBook, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Report]:
    """Validates a tree of files from inside it, so that names are short."""

    def run(files: dict[str, str | bytes], *paths: str, engine: str = "auto") -> Report:
        monkeypatch.chdir(tree(files))
        return validate(paths or ["."], engine=engine, book=book)  # type: ignore[arg-type]

    return run
