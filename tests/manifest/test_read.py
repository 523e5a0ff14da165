"""Read: looks at a followed source, reading only what changed and never half a save."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

import pytest

from p42.manifest import disk
from p42.manifest.read import Reader
from p42.model.look import Broken, FileLook
from p42.model.resource import Resource
from tests.manifest.conftest import AGENT, Tree

COMMAND = (
    "apiVersion: p42.dev/v1\nkind: Command\nmetadata: {name: hi}\nspec:\n  sourceFile: hi.sh\n"
)


def aged(root: Path, *, seconds: float = 10) -> None:
    """As if everything below had been written a while ago, so that stat alone may be trusted."""
    for path in root.rglob("*"):
        found = path.stat()
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - int(seconds * 1e9)))


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file count as just written: its ctime cannot be set back."""
    monkeypatch.setattr(disk, "RACY", 0)


def resource(look: FileLook) -> Resource:
    (found,) = look.documents
    assert isinstance(found, Resource), found
    return found


def test_a_good_file_is_read_whole(tree: Tree, reader: Reader) -> None:
    root = tree({"sub/a.yaml": f"---\n---\n{AGENT}"})
    (look,) = reader.look(str(root)).files
    found = resource(look)
    assert (str(found.ref), found.spec) == ("Agent/muse", {"temperature": 0.8})
    assert (found.place.file, found.place.document, found.place.line) == (
        str(root / "sub" / "a.yaml"), 1, 3)  # fmt: skip
    assert len(found.digest) == 12
    assert look.data == (root / "sub" / "a.yaml").read_bytes()


def test_what_did_not_change_is_the_same_object(
    tree: Tree, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    root = tree({f"a{n}.yaml": AGENT.replace("muse", f"m{n}") for n in range(20)})
    first = reader.look(str(root))
    reads: list[str] = []
    original = disk.read
    monkeypatch.setattr(disk, "read", lambda path, **k: reads.append(path) or original(path, **k))
    second = reader.look(str(root))
    assert reads == []
    assert all(a is b for a, b in zip(first.files, second.files, strict=True))


def test_what_was_just_written_is_read_again_and_is_the_same_object(
    tree: Tree, reader: Reader
) -> None:
    root = tree({"a.yaml": AGENT})
    assert reader.look(str(root)).files[0] is reader.look(str(root)).files[0]


def test_a_change_of_the_same_size_within_a_tick_is_seen(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT})
    path = root / "a.yaml"
    for number in range(50):
        path.write_text(AGENT.replace("0.8", f"0.{number % 9 + 1}"))
        assert resource(reader.look(str(root)).files[0]).spec == {
            "temperature": float(f"0.{number % 9 + 1}")
        }


def test_a_change_of_a_file_the_spec_names_changes_the_digest(
    tree: Tree, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    root = tree({"a.yaml": COMMAND, "hi.sh": "echo hi"})
    first = resource(reader.look(str(root)).files[0])
    assert first.files == {"hi.sh": b"echo hi"}
    (root / "hi.sh").write_text("echo ho")
    second = resource(reader.look(str(root)).files[0])
    assert second.files == {"hi.sh": b"echo ho"}
    assert first.digest != second.digest
    (root / "hi.sh").unlink()
    assert isinstance(reader.look(str(root)).files[0].documents[0], Broken)
    (root / "hi.sh").write_text("echo hi")
    assert resource(reader.look(str(root)).files[0]).digest == first.digest


def test_a_named_file_may_lie_above_its_manifest_but_not_above_the_source(
    tree: Tree, reader: Reader
) -> None:
    root = tree({"sub/a.yaml": COMMAND.replace("hi.sh", "../hi.sh"), "hi.sh": "ls"})
    assert resource(reader.look(str(root)).files[0]).files == {"../hi.sh": b"ls"}
    assert isinstance(reader.look(str(root / "sub")).files[0].documents[0], Broken)


def test_a_link_does_not_lead_out_of_the_source(tree: Tree, reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    root = tree({"a.yaml": COMMAND})
    (root / "hi.sh").symlink_to(tmp_path / "secret")
    found = reader.look(str(root)).files[0].documents[0]
    assert isinstance(found, Broken)
    assert found.diagnostics[0].code == "file-outside"


@pytest.mark.parametrize("name", ["a.yaml", "hi.sh"])
def test_a_file_that_somebody_writes_is_busy(name: str, tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": COMMAND, "hi.sh": "ls"})
    path = str(root / "a.yaml")
    with (root / name).open("r+b"):
        assert reader.look_file(path, str(root)) == FileLook(path, "busy")
        assert reader.look(str(root)).files == (FileLook(path, "busy"),)
    assert reader.look_file(path, str(root)).state == "read"


def test_a_reader_does_not_make_a_file_busy(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT})
    with (root / "a.yaml").open("rb"):
        assert reader.look(str(root)).files[0].state == "read"


def test_no_lease_is_left_and_a_break_would_not_kill(tree: Tree) -> None:
    path = tree({"a.yaml": AGENT}) / "a.yaml"
    assert signal.getsignal(signal.SIGIO) == signal.SIG_DFL
    assert disk.read(str(path), limit=1000).state == "read"
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # would fail under a lease
    os.close(descriptor)


def test_without_leases_a_file_counts_once_it_was_quiet(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(fcntl, "F_SETLEASE")
    path = tree({"a.yaml": AGENT}) / "a.yaml"
    waits: list[float] = []
    monkeypatch.setattr(disk.time, "sleep", waits.append)
    assert disk.read(str(path), limit=1000).state == "read"
    assert 0 < waits[0] <= disk.STABLE
    monkeypatch.setattr(disk.time, "sleep", lambda _: path.write_text("other"))
    os.utime(path)
    assert disk.read(str(path), limit=1000).state == "busy"


def test_a_file_that_was_replaced_while_it_was_read_is_busy(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"a.yaml": AGENT, "new": AGENT})
    original = disk._all

    def swap(descriptor: int, count: int) -> bytes:
        data = original(descriptor, count)
        (root / "new").rename(root / "a.yaml")
        return data

    monkeypatch.setattr(disk, "_all", swap)
    assert disk.read(str(root / "a.yaml"), limit=1000).state == "busy"


def test_a_source_that_is_gone_says_so(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT})
    assert reader.look(str(root / "nowhere")).gone == "no such file or directory"
    alone = reader.look(str(root / "a.yaml"))
    assert (alone.gone, len(alone.files)) == ("", 1)


def test_a_deleted_file_is_missing_and_leaves_the_look(tree: Tree, reader: Reader) -> None:
    root = tree({"a.yaml": AGENT, "b.yaml": AGENT})
    reader.look(str(root))
    (root / "a.yaml").unlink()
    assert reader.look_file(str(root / "a.yaml"), str(root)).state == "missing"
    assert [Path(file.path).name for file in reader.look(str(root)).files] == ["b.yaml"]


def test_a_file_the_source_would_not_enter_is_foreign(tree: Tree, reader: Reader) -> None:
    root = tree({".x/a.yaml": AGENT, "forged/a.yaml": AGENT, "a.txt": AGENT, "d/a.yaml": AGENT})
    (root / "link").symlink_to("d")
    for name in (".x/a.yaml", "forged/a.yaml", "a.txt", "link/a.yaml"):
        assert reader.look_file(str(root / name), str(root)).state == "foreign"
    assert reader.look_file(str(root / "d/a.yaml"), str(root)).state == "read"


def test_a_name_that_is_not_utf8_is_an_error_and_no_crash(tree: Tree, reader: Reader) -> None:
    root = tree({"good.yaml": AGENT})
    (Path(os.fsdecode(os.fsencode(root) + b"/b\xff.yaml"))).write_text(AGENT.replace("muse", "b"))
    bad = next(file for file in reader.look(str(root)).files if "good" not in file.path)
    (found,) = bad.documents
    assert isinstance(found, Broken)
    assert found.diagnostics[0].code == "file-name"
    found.diagnostics[0].as_text().encode()


def test_a_file_named_as_source_needs_no_suffix(tree: Tree, reader: Reader) -> None:
    root = tree({"agents": AGENT})
    assert resource(reader.look(str(root / "agents")).files[0]).ref.name == "muse"


def test_too_many_open_files_is_told_and_passes(
    tree: Tree, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    root = tree({"a.yaml": AGENT})
    good = reader.look(str(root)).files[0]

    def full(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    (root / "a.yaml").write_text(AGENT + "# \n")
    with monkeypatch.context() as patch:
        patch.setattr(disk.os, "open", full)
        bad = reader.look_file(str(root / "a.yaml"), str(root))
    assert bad.state == "unreadable"
    assert "too many open files" in bad.documents[0].diagnostics[0].message  # type: ignore[union-attr]
    again = reader.look(str(root)).files[0]
    assert (again.state, resource(again).digest) == ("read", resource(good).digest)
