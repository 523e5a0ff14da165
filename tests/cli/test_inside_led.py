"""A command that a person calls is granted nothing by a link that a program laid."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.sandboxed import FORMS, Person, lacks, lines


@pytest.fixture(params=FORMS)
def person(request: pytest.FixtureRequest, tmp_path: Path) -> Person:
    if why := lacks(request.param):
        pytest.skip(why)
    made = Person(tmp_path, request.param)
    for name in ("work/inbox", "victim"):
        (made.home / name).mkdir(parents=True)
    (made.home / "victim" / "key").write_text("SECRET\n")
    return made


def test_a_link_in_what_a_program_may_write_is_not_followed(person: Person) -> None:
    work, victim = person.home / "work", person.home / "victim"
    script = f"import os\nos.rmdir('inbox')\nos.symlink({str(victim)!r}, 'inbox')\nprint('laid')"
    person.has("lay", language="python", source=script, sandbox={"write": ["."]})
    person.has("put", source="echo x > ~/work/inbox/new; cat ~/work/inbox/key",
               sandbox={"write": ["~/work/inbox"]})  # fmt: skip
    person.has("here", source="echo x > new; cat key", sandbox={"write": ["."]})
    assert lines(person.calls("lay", cwd=work)) == ["laid"]
    there = {**person.env, "PWD": str(work / "inbox")}
    for done in (person.calls("put"), person.calls("here", cwd=work / "inbox", env=there)):
        assert (done.returncode, done.stdout) == (126, "")
        assert f"over the link {work}/inbox to {victim}" in done.stderr
    assert not (victim / "new").exists()
    assert lines(person.calls("here", cwd=victim)) == ["SECRET"]  # who means it, goes there


def test_a_persons_own_link_is_followed(person: Person) -> None:
    (person.home / "notes").symlink_to(person.home / "victim")
    person.has(
        "put", source="echo x > ~/notes/new; cat ~/notes/key", sandbox={"write": ["~/notes"]}
    )
    assert lines(person.calls("put")) == ["SECRET"]
    assert (person.home / "victim" / "new").exists()


@pytest.mark.parametrize("path", ["~", "~/.port42", "~/.port42/commands", "~/by-link"])
@pytest.mark.parametrize("word", ["read", "write"])
def test_p42s_own_is_not_granted(person: Person, word: str, path: str) -> None:
    (person.home / "by-link").symlink_to(person.commands)
    person.has("put", source="touch ~/.port42/commands/new", sandbox={word: [path]})
    done = person.calls("put")
    assert (done.returncode, done.stdout) == (126, "")
    assert "is p42's own" in done.stderr or "p42's home is in" in done.stderr
    assert not (person.commands / "new").exists()
