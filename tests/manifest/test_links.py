"""Links: where a path leads without leaving its source, and how a source is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from p42.manifest import disk, links
from tests.manifest.conftest import Tree


def test_a_link_that_stays_inside_leads_to_its_file(tree: Tree) -> None:
    root = tree({"a.yaml": "", "sub/b.yaml": ""})
    (root / "short.yaml").symlink_to("sub/../sub/./b.yaml")
    (root / "long.yaml").symlink_to(root / "short.yaml")
    (root / "sub" / "up").symlink_to("..")
    for name in ("sub/b.yaml", "short.yaml", "long.yaml", "sub/up/sub/up/short.yaml"):
        assert links.within(str(root / name), str(root)) == str(root / "sub" / "b.yaml")
    assert links.within(str(root / "not" / "there.yaml"), str(root)) == str(root / "not/there.yaml")


OUT: dict[str, Callable[[Path, Path], str]] = {
    "relative": lambda root, out: f"../{out.name}/a.yaml",
    "absolute": lambda root, out: str(out / "a.yaml"),
    "back again by a link outside": lambda root, out: f"../{out.name}/back",
    "back again through a directory outside": lambda root, out: f"../{out.name}/way/a.yaml",
    "the source itself": lambda root, out: ".",
    "above it": lambda root, out: "..",
    "dangling": lambda root, out: "../nothing",
    "through a process": lambda root, out: "/proc/self/cwd/a.yaml",
}


@pytest.mark.parametrize("case", OUT)
def test_a_link_that_leaves_the_source_leads_out_even_if_it_comes_back(
    case: str, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tree({"a.yaml": ""}), tmp_path / "out"
    out.mkdir()
    (out / "a.yaml").touch()
    (out / "back").symlink_to(root / "a.yaml")
    (out / "way").symlink_to(root)
    monkeypatch.chdir(root)
    (root / "link.yaml").symlink_to(OUT[case](root, out))
    assert links.within(str(root / "link.yaml"), str(root)) is None


def test_a_ring_of_links_ends_at_one_of_them(tree: Tree) -> None:
    root = tree({"a.yaml": ""})
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    found = links.within(str(root / "one"), str(root))
    assert found is not None
    assert Path(found).is_symlink()


def test_a_source_is_named_by_where_it_leads(tree: Tree, tmp_path: Path) -> None:
    root = tree({"sub/a.yaml": ""})
    (tmp_path / "way").symlink_to(root)
    (root / "file").symlink_to("sub/a.yaml")
    named = {
        f"{tmp_path}/way": root, f"{tmp_path}/way/": root, f"{root}//sub/.": root / "sub",
        f"{tmp_path}/way/file": root / "sub/a.yaml", f"{tmp_path}/way/sub/..": root,
        f"{tmp_path}/way/gone/x": root / "gone/x",
    }  # fmt: skip
    assert {path: Path(links.real(path)) for path in named} == named
    assert links.real("/") == "/"


def test_a_name_is_spelled_as_its_directory_lists_it(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system that finds `M.yaml` where `m.yaml` is: one file, listed by one name."""
    root = tree({"m.yaml": "", "other.yaml": ""})
    os.link(root / "m.yaml", root / "M.yaml")
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [n for n in listed(path) if n != "M.yaml"])
    assert links.real(str(root / "M.yaml")) == str(root / "m.yaml")


@pytest.mark.parametrize("turned", ["sub", "sub/deep", "sub/deep/a.yaml"])
def test_what_is_swapped_for_a_link_after_it_was_found_is_not_read(
    turned: str, tree: Tree, tmp_path: Path
) -> None:
    root = tree({"sub/deep/a.yaml": "mine"})
    path = root / "sub/deep/a.yaml"
    assert disk.read(str(path), limit=100, root=str(root)).data == b"mine"
    (root / turned).rename(tmp_path / "was")
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "other" / "deep" / "a.yaml").write_text("theirs")
    (root / turned).symlink_to(tmp_path / "other" / Path(turned).relative_to("sub"))
    found = disk.read(str(path), limit=100, root=str(root))
    assert (found.data, found.state in ("missing", "unreadable")) == (b"", True)
