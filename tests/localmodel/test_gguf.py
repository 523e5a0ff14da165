"""The model's file is whole and what it should be, or it is not there."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from p42.localserver import gguf
from p42.runtimes.local.child import command
from tests.localmodel.conftest import Server

SMALL = 1 << 20  # bytes; what a file may have in a full world


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package like the real one, with pieces that a test can damage."""
    where = tmp_path / "package"
    where.mkdir()
    (where / "0.part").write_bytes(b"one")
    (where / "1.part").write_bytes(b"two")
    made: Any = ModuleType(gguf.PACKAGE)
    made.MODEL_NAME, made.EXPECTED_SHA256 = "m.gguf", hashlib.sha256(b"onetwo").hexdigest()
    made.chunk_paths = lambda: sorted(where.iterdir())
    monkeypatch.setitem(sys.modules, gguf.PACKAGE, made)
    return where


def test_the_pieces_become_one_file_that_only_its_owner_reads(
    package: Path, tmp_path: Path
) -> None:
    path = gguf.whole(tmp_path / "models")
    assert path.read_bytes() == b"onetwo"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["m.gguf"]


def test_a_whole_file_is_not_written_again(package: Path, tmp_path: Path) -> None:
    first = gguf.whole(tmp_path / "models").stat()
    assert gguf.whole(tmp_path / "models").stat().st_ino == first.st_ino


@pytest.mark.parametrize("spoiled", [b"onetwO", b"onetw", b""])
def test_a_spoiled_file_is_made_anew(package: Path, tmp_path: Path, spoiled: bytes) -> None:
    path = gguf.whole(tmp_path / "models")
    path.write_bytes(spoiled)
    assert gguf.whole(tmp_path / "models").read_bytes() == b"onetwo"


def test_what_a_crash_left_is_in_nobodys_way(package: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / ".m.gguf.part").write_bytes(b"on")
    assert gguf.whole(models).read_bytes() == b"onetwo"
    assert [each.name for each in models.iterdir()] == ["m.gguf"]


def test_damaged_pieces_make_no_model(package: Path, tmp_path: Path) -> None:
    (package / "1.part").write_bytes(b"twO")
    with pytest.raises(gguf.Damaged, match="not the model's"):
        gguf.whole(tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_link_in_its_place_is_replaced_and_not_followed(package: Path, tmp_path: Path) -> None:
    models, victim = tmp_path / "models", tmp_path / "victim"
    models.mkdir()
    victim.write_bytes(b"mine")
    (models / ".m.gguf.part").symlink_to(victim)
    gguf.whole(models)
    assert victim.read_bytes() == b"mine"


def _no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))


def test_where_it_does_not_fit_it_says_so_and_leaves_nothing(tmp_path: Path, model: Path) -> None:
    """Not the digest first: a file that cannot be written is found out before 241 MiB are."""
    wish = {"key": "k", "models": str(tmp_path / "models"), "slots": 1, "threads": 1}
    done = subprocess.run(
        command(), input=json.dumps(wish).encode() + b"\n", stdout=subprocess.PIPE,
        preexec_fn=_no_room, check=False, timeout=60,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["state"] == "fault"
    assert os.strerror(report["errno"]) == "File too large"
    assert report["place"].startswith(str(tmp_path / "models"))
    assert list((tmp_path / "models").iterdir()) == []


def test_one_wrong_byte_of_the_real_model_is_found_at_the_start(
    tmp_path: Path, model: Path
) -> None:
    copy = tmp_path / model.name
    shutil.copyfile(model, copy)
    with copy.open("r+b") as file:
        file.seek(200_000_000)
        byte = file.read(1)[0]
        file.seek(200_000_000)
        file.write(bytes([byte ^ 1]))
    server = Server(tmp_path)
    assert server.report["state"] == "ready"
    server.close()
    assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(model.read_bytes()).digest()
