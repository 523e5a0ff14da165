"""Forged bytes: one shebang, our header, the script to the byte; and they really run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from p42.kinds.command.runs import executes, forged
from p42.scripts.marker import marked_name
from tests.kinds.command.conftest import Declare


def bytes_of(declare: Declare, **spec: object) -> bytes:
    data = forged(declare(**spec))
    assert data is not None
    return data


def run(tmp_path: Path, data: bytes, *args: str) -> subprocess.CompletedProcess[bytes]:
    path = tmp_path / "hello"
    path.write_bytes(data)
    path.chmod(0o755)
    return subprocess.run([path, *args], capture_output=True, check=False, timeout=30)


def test_the_header_is_shebang_marker_name_and_description(declare: Declare) -> None:
    data = bytes_of(declare, source="echo hi\n", description="Greet\nsomebody.")
    lines = data.decode().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1].startswith("# p42: Command/hello sha256:")
    assert lines[2:4] == ["# hello: Greet", "# somebody."]
    assert lines[4].startswith("# Forged from the manifest Command/hello")
    assert data.endswith(b"\n\necho hi\n")
    assert marked_name(data) == "hello"


def test_equal_declarations_forge_equal_bytes(declare: Declare) -> None:
    assert bytes_of(declare, source="echo") == bytes_of(declare, source="echo", tests=[{}])
    assert bytes_of(declare, source="echo") != bytes_of(declare, source="echo", description="x")


@pytest.mark.parametrize(
    ("language", "source", "shebang"),
    [
        (None, "#!/bin/sh -e\necho hi\n", b"#!/bin/sh -e"),
        (None, "#!/usr/bin/env python3\nprint('hi')\n", b"#!/usr/bin/env python3"),
        ("python", "#!/usr/bin/env -S python3 -u\nprint('hi')\n", b"#!/usr/bin/env -S python3 -u"),
        ("node", "#!/usr/bin/env node\nconsole.log('hi')\n", b"#!/usr/bin/env node"),
    ],
)
def test_a_shebang_in_the_source_is_honoured_not_doubled(
    declare: Declare, tmp_path: Path, language: str | None, source: str, shebang: bytes
) -> None:
    spec = {"source": source} | ({"language": language} if language else {})
    data = bytes_of(declare, **spec)
    assert data.startswith(shebang + b"\n")
    assert data.count(b"#!") == 1
    assert run(tmp_path, data).stdout == b"hi\n"


@pytest.mark.parametrize(
    ("file", "source", "output"),
    [
        ("a.py", b"print('hi')", b"hi\n"),
        ("a.js", b"console.log('hi')", b"hi\n"),
        ("a.sh", b"echo hi", b"hi\n"),
        ("a", b"echo hi", b"hi\n"),
    ],
)
def test_the_extension_tells_the_language(
    declare: Declare, tmp_path: Path, file: str, source: bytes, output: bytes
) -> None:
    data = bytes_of(declare, sourceFile=file, files={file: source})
    assert run(tmp_path, data).stdout == output


@pytest.mark.parametrize(
    ("language", "source", "output"),
    [
        ("bash", r"printf 'a\nb\t\\n\n'", b"a\nb\t\\n\n"),
        ("python", r"""print("a\nb", r"\n", 'é🐬')""", "a\nb \\n é🐬\n".encode()),
        ("node", r"""console.log("a\nb", '\\n', `é🐬`)""", "a\nb \\n é🐬\n".encode()),
    ],
)
def test_nothing_is_escaped_or_unescaped(
    declare: Declare, tmp_path: Path, language: str, source: str, output: bytes
) -> None:
    data = bytes_of(declare, language=language, source=source)
    assert data.endswith(source.encode())
    assert run(tmp_path, data).stdout == output


def test_a_shell_script_with_dos_line_ends_runs(declare: Declare, tmp_path: Path) -> None:
    source = b"#!/bin/bash\r\nif true; then\r\n  echo hi\r\nfi\r\n"
    data = bytes_of(declare, sourceFile="a.sh", files={"a.sh": source})
    assert data.startswith(b"#!/bin/bash\n")
    assert run(tmp_path, data).stdout == b"hi\n"


def test_dos_line_ends_of_python_stay(declare: Declare, tmp_path: Path) -> None:
    source = b"x = '''a\r\nb'''\r\nprint(len(x))\r\n"
    data = bytes_of(declare, sourceFile="a.py", files={"a.py": source})
    assert data.endswith(source)
    assert run(tmp_path, data).stdout == b"3\n"


def test_a_byte_order_mark_is_not_part_of_the_script(declare: Declare, tmp_path: Path) -> None:
    source = b"\xef\xbb\xbf#!/bin/sh\necho hi\n"
    data = bytes_of(declare, sourceFile="a", files={"a": source})
    assert data.startswith(b"#!/bin/sh\n")
    assert run(tmp_path, data).stdout == b"hi\n"


def test_the_encoding_a_python_script_declares_still_counts(
    declare: Declare, tmp_path: Path
) -> None:
    source = "#!/usr/bin/env python3\n# -*- coding: latin-1 -*-\nprint(len('é'))\n"
    files = {"a.py": source.encode("latin-1")}
    data = bytes_of(declare, sourceFile="a.py", files=files, description="Zählt é")
    assert run(tmp_path, data).stdout == b"1\n"
    assert marked_name(data) == "hello"


@pytest.mark.parametrize("language", ["bash", "python", "node"])
def test_no_description_ends_its_comment(declare: Declare, tmp_path: Path, language: str) -> None:
    """Each of these ends a line for somebody: bash, Python, JavaScript."""
    evil = "a\nexit 1\recho \x0bx\x0cy\x85z\u2028throw 1\u2029!"
    output = {"bash": "echo hi", "python": "print('hi')", "node": "console.log('hi')"}
    data = bytes_of(declare, language=language, source=output[language], description=evil)
    assert run(tmp_path, data).stdout == b"hi\n"


def test_a_description_cannot_pass_for_another_marker(declare: Declare) -> None:
    other = "p42: Command/other sha256:0123456789abcdef"
    assert marked_name(bytes_of(declare, source="echo", description=other)) == "hello"


def test_a_huge_source_is_forged_to_the_byte(declare: Declare, tmp_path: Path) -> None:
    body = b"echo hi\n" + b"# filler\n" * 100_000
    data = bytes_of(declare, sourceFile="a.sh", files={"a.sh": body})
    assert data.endswith(body)
    assert run(tmp_path, data).stdout == b"hi\n"


def test_what_it_executes_is_the_bytes_and_the_tests(declare: Declare) -> None:
    plain = executes(declare(source="echo"))
    assert plain == forged(declare(source="echo"))
    assert executes(declare(source="echo", tests=[{"stdin": "x"}])).startswith(plain)
    assert executes(declare(source="echo", tests=[{"stdin": "x"}])) != plain
    assert executes(declare(prompt="sing")) == b""  # asking a model runs nothing
