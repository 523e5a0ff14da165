"""Strays: manifests that a link leads to, out of their source or within it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from p42.manifest.read import Reader
from p42.manifest.validate import validate
from p42.model.look import Broken, FileLook
from tests.manifest.conftest import AGENT, Tree

OTHER = AGENT.replace("muse", "other")


def told(looks: tuple[FileLook, ...] | list[FileLook]) -> dict[str, str]:
    """The ref or the code of each document, by the name of its file."""
    found = {}
    for look in looks:
        for each in look.documents:
            broken = each.diagnostics if isinstance(each, Broken) else ()
            found[Path(look.path).name] = broken[0].code if broken else str(each.ref)
    return found


def files(reader: Reader, root: Path) -> dict[str, str]:
    return told(reader.look(str(root)).files)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory that others may write to."""
    (tmp_path / "proj").mkdir()
    (tmp_path / "proj" / "c.yaml").write_text(OTHER)
    return tmp_path / "proj"


def test_a_manifest_that_leads_out_of_its_source_is_told_and_not_read(
    tree: Tree, reader: Reader, outside: Path
) -> None:
    root = tree({"a.yaml": AGENT})
    (root / "c.yaml").symlink_to("../proj/c.yaml")
    for _ in range(2):
        assert files(reader, root) == {"a.yaml": "Agent/muse", "c.yaml": "link-outside"}
    look = reader.look_file(str(root / "c.yaml"), str(root))
    assert isinstance(look.documents[0], Broken)
    (found,) = look.documents[0].diagnostics
    assert found.file == str(root / "c.yaml")
    assert found.suggestion == f"put a copy here, or: p42 apply -f {outside}/c.yaml"
    assert look.data == b""


def test_what_leads_out_and_is_no_manifest_is_other_peoples(
    tree: Tree, reader: Reader, outside: Path
) -> None:
    root = tree({"a.yaml": AGENT})
    (outside / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    os.mkfifo(outside / "pipe.yaml")
    for name in ("compose.yaml", "pipe.yaml", "gone.yaml"):
        (root / name).symlink_to(outside / name)
        assert reader.look_file(str(root / name), str(root)).state == "foreign"
    assert files(reader, root) == {"a.yaml": "Agent/muse"}
    (outside / "compose.yaml").write_text(OTHER)
    assert files(reader, root) == {"a.yaml": "Agent/muse", "compose.yaml": "link-outside"}


TURNED: dict[str, Callable[[Path], None]] = {
    "out": lambda path: path.symlink_to("../proj/c.yaml"),
    "nowhere": lambda path: path.symlink_to("../proj/nothing"),
    "back": lambda path: path.symlink_to("../proj/back"),
    "ring": lambda path: path.symlink_to(path.name),
    "pipe": lambda path: os.mkfifo(path),
    "directory": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_manifest_that_becomes_something_else_is_broken_and_not_gone(
    turned: str, restarted: bool, tree: Tree, reader: Reader, outside: Path
) -> None:
    root = tree({"a.yaml": AGENT, "text": AGENT})
    (outside / "back").symlink_to(root / "text")
    assert files(reader, root) == {"a.yaml": "Agent/muse"}
    if restarted:
        reader = Reader(reader.book)
        reader.expect([(str(root / "a.yaml"), str(root))])
    (root / "a.yaml").unlink()
    TURNED[turned](root / "a.yaml")
    for _ in range(2):
        (look,) = reader.look(str(root)).files
        assert (look.state, told([look])) in (
            ("unreadable", {"a.yaml": "link-outside"}), ("unreadable", {"a.yaml": "unreadable"}),
        )  # fmt: skip
        assert told([reader.look_file(str(root / "a.yaml"), str(root))]) == told([look])


def test_a_manifest_that_was_led_out_comes_back_as_a_file(
    tree: Tree, reader: Reader, outside: Path
) -> None:
    root = tree({"a.yaml": AGENT})
    reader.look(str(root))
    (root / "a.yaml").unlink()
    (root / "a.yaml").symlink_to(outside / "c.yaml")
    assert files(reader, root) == {"a.yaml": "link-outside"}
    (root / "a.yaml").unlink()
    assert files(reader, root) == {}
    (root / "a.yaml").write_text(AGENT)
    assert files(reader, root) == {"a.yaml": "Agent/muse"}


def test_a_directory_that_becomes_a_link_out_leaves_its_manifests_broken(
    tree: Tree, reader: Reader, outside: Path
) -> None:
    root = tree({"sub/c.yaml": AGENT})
    assert files(reader, root) == {"c.yaml": "Agent/muse"}
    (root / "sub").rename(root.parent / "was")
    (root / "sub").symlink_to(outside)
    assert files(reader, root) == {"c.yaml": "link-outside"}
    assert told([reader.look_file(str(root / "sub/c.yaml"), str(root))]) == {
        "c.yaml": "link-outside"
    }


def test_a_directory_that_leads_out_is_not_entered(
    tree: Tree, reader: Reader, outside: Path
) -> None:
    root = tree({"a.yaml": AGENT})
    (root / "sub").symlink_to(outside)
    assert files(reader, root) == {"a.yaml": "Agent/muse"}
    assert reader.look_file(str(root / "sub/c.yaml"), str(root)).state == "foreign"


def test_a_link_within_the_source_counts_once(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT, "sub/text": OTHER})
    (root / "same.yaml").symlink_to("a.yaml")
    (root / "y.yaml").symlink_to("sub/text")
    (root / "z.yaml").symlink_to("sub/text")
    wanted = {"a.yaml": "Agent/muse", "y.yaml": "Agent/other"}
    assert files(reader, root) == wanted
    for name in ("same.yaml", "z.yaml"):
        assert reader.look_file(str(root / name), str(root)).state == "foreign"
    assert told([reader.look_file(str(root / "y.yaml"), str(root))]) == {"y.yaml": "Agent/other"}
    assert files(reader, root) == wanted
    assert reader.real(str(root / "z.yaml")) == str(root / "y.yaml")
    report = validate([str(root)], book=reader.book)
    assert (report.resources, report.diagnostics) == (2, ())


def test_a_file_that_is_read_by_a_link_is_watched_as_that_link(tree: Tree, reader: Reader) -> None:
    root = tree({"forged/x": AGENT})
    (root / "a.yaml").symlink_to("forged/x")
    reader.look(str(root))
    real = str(root / "forged/x")
    assert reader._meant(real, [str(root)]) == {str(root / "a.yaml")}
    assert str(root / "forged") in reader._watched(str(root))


def test_a_file_a_spec_names_may_not_come_back_by_a_way_outside(
    tree: Tree, reader: Reader, outside: Path
) -> None:
    manifest = "apiVersion: p42.dev/v1\nkind: Command\nmetadata: {name: hi}\n"
    root = tree({"a.yaml": f"{manifest}spec: {{sourceFile: hi.sh}}\n", "real.sh": "ls"})
    (outside / "turn").symlink_to(root / "real.sh")
    (root / "hi.sh").symlink_to("../proj/turn")
    assert files(reader, root) == {"a.yaml": "file-outside"}
    (root / "hi.sh").unlink()
    (root / "hi.sh").symlink_to("real.sh")
    assert files(reader, root) == {"a.yaml": "Command/hi"}


def test_validate_says_of_a_stray_what_apply_would(
    tree: Tree, reader: Reader, outside: Path
) -> None:
    root = tree({})
    (root / "c.yaml").symlink_to(outside / "c.yaml")
    (root / "gone.yaml").symlink_to(outside / "gone.yaml")
    report = validate([str(root)], book=reader.book)
    assert [(Path(d.file).name, d.code) for d in report.diagnostics] == [("c.yaml", "link-outside")]
    assert report.code == 3
    assert validate([str(root / "c.yaml")], book=reader.book).code == 0


@pytest.mark.parametrize("name", ["m", "m/a.yaml"])
def test_a_source_that_becomes_a_link_is_not_followed_to_where_it_leads(
    name: str, tree: Tree, reader: Reader, outside: Path
) -> None:
    root = tree({"m/a.yaml": AGENT}).rename(outside / "in")
    source = root / name
    assert files(reader, source) == {"a.yaml": "Agent/muse"}
    (root / "m").rename(root / "was")
    (root / "m").symlink_to(root / "was")
    look = reader.look(str(source))
    assert (look.gone, told(look.files)) == ("", {source.name: "link-source"})
    (found,) = look.files[0].documents
    assert isinstance(found, Broken)
    assert f"p42 delete -f {source}" in found.diagnostics[0].suggestion
    peek = reader.look_file(str(root / "m/a.yaml"), str(source))
    assert told([peek]) == {"a.yaml": "link-source"}
    (root / "m").unlink()
    (root / "was").rename(root / "m")
    assert files(reader, source) == {"a.yaml": "Agent/muse"}
