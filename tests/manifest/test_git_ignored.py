"""What git comes to ignore: a manifest that was followed does not vanish by that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p42.manifest import git
from p42.manifest.read import Reader
from p42.model.look import FileLook
from tests.manifest.conftest import AGENT, Tree
from tests.manifest.test_discover import run

BAD = AGENT.replace("0.8", "hot")


@pytest.fixture
def followed(tree: Tree, reader: Reader) -> Path:
    """`m` in a work tree, looked at once."""
    root = tree({"m/e1.yaml": AGENT, "m/sub/e2.yaml": AGENT.replace("muse", "two")})
    run(root, "init", "-q")
    run(root, "add", ".")
    assert names(reader, root / "m") == {"e1.yaml": [], "e2.yaml": []}
    return root / "m"


def hide(source: Path, *patterns: str) -> None:
    """As whoever may write the work tree, but not the source."""
    run(source.parent, "rm", "-rq", "--cached", "--ignore-unmatch", ".")
    exclude = source.parent / ".git" / "info" / "exclude"
    exclude.write_text("\n".join(patterns) + "\n")


def names(reader: Reader, source: Path) -> dict[str, list[str]]:
    """The codes of the warnings of each file."""
    looks = reader.look(str(source)).files
    return {Path(look.path).name: codes(look) for look in looks if look.documents}


def codes(look: FileLook) -> list[str]:
    return [warning.code for warning in look.warnings]


@pytest.mark.parametrize("pattern", ["m/*.yaml", "m/e1.yaml", "e1.yaml", "/m/e*"])
def test_a_followed_manifest_that_git_comes_to_ignore_is_followed_on(
    pattern: str, followed: Path, reader: Reader
) -> None:
    hide(followed, pattern)
    first = reader.look(str(followed)).files
    assert {Path(look.path).name: codes(look) for look in first} == {
        "e1.yaml": ["git-ignored"], "e2.yaml": [],
    }  # fmt: skip
    (found,) = next(look for look in first if look.warnings).warnings
    assert (found.severity, found.file) == ("warning", str(followed / "e1.yaml"))
    peek = reader.look_file(str(followed / "e1.yaml"), str(followed))
    assert codes(peek) == ["git-ignored"]


def test_so_is_one_in_a_directory_that_git_comes_to_ignore(followed: Path, reader: Reader) -> None:
    hide(followed, "sub/")
    assert names(reader, followed) == {"e1.yaml": [], "e2.yaml": ["git-ignored"]}
    assert str(followed / "sub") in reader._watched(str(followed))


def test_across_a_restart_too(followed: Path, reader: Reader) -> None:
    hide(followed, "*.yaml")
    (followed / "e3.yaml").write_text(AGENT.replace("muse", "three"))
    later = Reader(reader.book)
    later.expect([(str(followed / "e1.yaml"), str(followed))])
    assert names(later, followed) == {"e1.yaml": ["git-ignored"]}
    assert names(later, followed) == {"e1.yaml": ["git-ignored"]}


def test_what_is_new_and_ignored_is_not_entered(followed: Path, reader: Reader) -> None:
    hide(followed, "*.yaml")
    new = followed / "e3.yaml"
    new.write_text(AGENT.replace("muse", "three"))
    assert set(names(reader, followed)) == {"e1.yaml", "e2.yaml"}
    assert reader.look_file(str(new), str(followed)).state == "foreign"


def test_it_goes_when_its_file_goes(followed: Path, reader: Reader) -> None:
    hide(followed, "e1.yaml")
    (followed / "e1.yaml").unlink()
    assert names(reader, followed) == {"e2.yaml": []}
    (followed / "e1.yaml").write_text(AGENT)
    assert names(reader, followed) == {"e2.yaml": []}


def test_an_edit_counts_and_a_broken_one_is_broken(followed: Path, reader: Reader) -> None:
    hide(followed, "e1.yaml")
    (followed / "e1.yaml").write_text("")
    assert names(reader, followed) == {"e2.yaml": []}  # emptied for a moment
    (followed / "e1.yaml").write_text(BAD)
    broken = next(f for f in reader.look(str(followed)).files if f.path.endswith("e1.yaml"))
    assert (broken.state, codes(broken)) == ("read", ["git-ignored"])
    (followed / "e1.yaml").write_text(AGENT.replace("0.8", "0.5"))
    assert names(reader, followed) == {"e1.yaml": ["git-ignored"], "e2.yaml": []}


def test_the_warning_goes_when_git_ignores_it_no_more(followed: Path, reader: Reader) -> None:
    hide(followed, "e1.yaml")
    assert names(reader, followed)["e1.yaml"] == ["git-ignored"]
    hide(followed, "other")
    assert names(reader, followed)["e1.yaml"] == []


def test_what_did_not_change_is_the_same_object(followed: Path, reader: Reader) -> None:
    hide(followed, "e1.yaml")
    first, second = reader.look(str(followed)).files, reader.look(str(followed)).files
    assert all(a is b for a, b in zip(first, second, strict=True))


def test_other_peoples_files_are_not_kept(followed: Path, reader: Reader) -> None:
    (followed / "compose.yaml").write_text("services: {}\n")
    reader.look(str(followed))
    hide(followed, "compose.yaml")
    assert set(names(reader, followed)) == {"e1.yaml", "e2.yaml"}
    assert reader.look_file(str(followed / "compose.yaml"), str(followed)).state == "foreign"


def test_a_git_that_is_made_to_wait_is_asked_once_and_its_last_word_holds(
    followed: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody writes to, in the place of its rules, holds it up for ever."""
    hide(followed, "draft.yaml")
    (followed / "draft.yaml").write_text(AGENT.replace("muse", "draft"))
    (followed / "deep" / "er").mkdir(parents=True)
    assert set(names(reader, followed)) == {"e1.yaml", "e2.yaml"}
    exclude = followed.parent / ".git" / "info" / "exclude"
    exclude.unlink()
    os.mkfifo(exclude)
    monkeypatch.setattr(git, "TIMEOUT", 0.3)
    asked: list[object] = []
    original = git.ignored
    monkeypatch.setattr(git, "ignored", lambda *a: asked.append(a) or original(*a))
    for _ in range(3):
        assert set(names(reader, followed)) == {"e1.yaml", "e2.yaml"}
    assert len(asked) == 1
