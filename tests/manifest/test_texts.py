"""A file that a spec reads as text is text, and says something: else its manifest says what is not.

One in Latin-1 once became a persona with U+FFFD, and an empty one let p42's own words speak.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from p42.kinds.agent import shape
from p42.kinds.agent.spec import Agent
from p42.manifest.kindbook import KindBook
from p42.manifest.read import Reader
from p42.manifest.validate import Report
from p42.model.kind import Want
from p42.model.look import Broken
from p42.model.refs import Ref
from p42.model.resource import Resource
from tests.manifest.conftest import HEAD, Tree

AGENT = HEAD + "spec:\n  personaFile: me.md\n"

BAD: dict[str, tuple[bytes, str, str, str]] = {
    "Latin-1": (b"You are echo.\nCaf\xe9.\n", "encoding", "line 2: byte 0xe9 is not UTF-8",
                "save it as UTF-8"),
    "UTF-16": ("You are muse.".encode("utf-16"), "encoding", "is UTF-16, not UTF-8",
               "save it as UTF-8"),
    "UTF-16 without mark": ("You are muse.".encode("utf-16-le"), "encoding", "holds a NUL",
                            "save it as UTF-8"),
    "binary": (b"\x7fELF\0\1\xff", "encoding", "holds a NUL", "save it as UTF-8"),
    "empty": (b"", "file-empty", "is empty", "write the text into it, or take the field out"),
    "blank": (b" \r\n\t\n", "file-empty", "is empty", ""),
    "a mark alone": (b"\xef\xbb\xbf", "file-empty", "is empty", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_persona_file_that_is_no_text_is_a_problem_of_the_manifest(
    case: str, check: Callable[..., Report]
) -> None:
    data, code, message, hint = BAD[case]
    report = check({"a.yaml": AGENT, "me.md": data})
    (found,) = report.diagnostics
    assert (found.file, found.line, found.column, found.code) == ("a.yaml", 6, 16, code)
    assert '"me.md"' in found.message
    assert message in found.message
    assert hint in found.suggestion
    assert (report.code, report.resources) == (3, 0)


def test_a_persona_file_is_read_without_its_byte_order_mark(check: Callable[..., Report]) -> None:
    data = "\ufeffYou are muse, \U0001f42c.\n".encode()
    assert check({"a.yaml": AGENT, "me.md": data}).code == 0
    spec = Agent.model_validate({"personaFile": "me.md"})
    wish: Want[Agent] = Want(Ref("Agent", "muse"), spec, files={"me.md": data})
    assert shape.facts(wish)["persona"] == "You are muse, \U0001f42c.\n"


def test_an_emptied_persona_file_is_broken_as_a_missing_one_is(tree: Tree) -> None:
    """What is broken keeps its last good spec."""
    root = tree({"a.yaml": AGENT, "me.md": "You are muse."})
    reader = Reader(KindBook.load())
    (good,) = reader.look(str(root)).files
    (root / "me.md").write_bytes(b"")
    (bad,) = reader.look(str(root)).files
    (root / "me.md").unlink()
    (gone,) = reader.look(str(root)).files
    assert isinstance(good.documents[0], Resource)
    for look, code in ((bad, "file-empty"), (gone, "file-missing")):
        (broken,) = look.documents
        assert isinstance(broken, Broken)
        assert (look.state, [each.code for each in broken.diagnostics]) == ("read", [code])


def test_a_script_may_be_any_bytes(check: Callable[..., Report]) -> None:
    manifest = HEAD.replace("Agent", "Command") + "spec:\n  sourceFile: run.sh\n"
    report = check({"a.yaml": manifest, "run.sh": b"echo caf\xe9\n"})
    assert (report.code, report.resources) == (0, 1)
