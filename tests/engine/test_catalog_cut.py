"""A half-written save is not read: held open, cut, growing, through an empty file."""

from __future__ import annotations

from p42.engine.wish import State
from p42.model.look import FileLook, SourceLook
from p42.model.refs import Ref
from tests.engine.lines import file_look
from tests.engine.scene import A, B, Scene


def test_a_file_held_open_is_not_read() -> None:
    scene = Scene(a="Note a text=x")
    assert scene.catalog.peek(FileLook("/m/a.yaml", "busy"), "/m", 101.0) == frozenset()
    assert scene.catalog.due_files["/m/a.yaml"] == 101.05
    assert scene.state() is State.GOOD


def test_while_a_new_file_is_being_written_nothing_is_believed_gone() -> None:
    scene = Scene(a="Note a text=x", c="Note c")
    scene.remove("a")
    for _ in range(3):
        scene.now += 60
        looks = (file_look("/m/c.yaml", "Note c"), FileLook("/m/b.yaml", "busy"))
        scene.catalog.survey([SourceLook("/m", looks)], scene.now)
    assert scene.state() is not State.GONE


def test_bytes_that_are_cut_wait_for_a_second_look() -> None:
    scene = Scene(a="Note a text=rm-rf-tmp")
    assert scene.save("a", "Note a text=rm-rf-") == frozenset()
    assert scene.catalog.wishes[A].resource.spec == {"text": "rm-rf-tmp"}
    assert scene.catalog.due_files == {"/m/a.yaml": scene.now + 1.0}
    scene.now += 1.0
    assert scene.save("a", "Note a text=rm-rf-") == {A}
    assert scene.catalog.wishes[A].resource.spec == {"text": "rm-rf-"}


def test_a_cut_that_changes_no_spec_does_not_wait() -> None:
    scene = Scene(a="Note a text=x\n\n\n")
    assert scene.save("a", "Note a text=x") == frozenset()
    assert scene.catalog.due_files == {}


def test_a_cut_of_what_runs_nothing_waits_too() -> None:
    scene = Scene(a="Pot a key=missing")
    assert scene.save("a", "Pot a key=miss") == frozenset()


def test_what_is_new_in_a_cut_file_waits_too() -> None:
    scene = Scene(a="Note alpha text=x")
    scene.save("a", "Note al")
    assert scene.state(Ref("Note", "al")) is None


def test_documents_that_a_cut_leaves_whole_are_not_touched() -> None:
    scene = Scene(a="Note a text=x\nNote b text=abc")
    assert scene.save("a", "Note a text=x\nNote b text=a") == frozenset()
    assert (scene.state(A), scene.state(B)) == (State.GOOD, State.GOOD)


def test_a_cut_that_grows_waits_until_it_stands_still() -> None:
    scene = Scene(a="Note a text=abcdef")
    for text in ("ab", "abc", "abcd", "abcde"):
        scene.save("a", f"Note a text={text}")
        scene.now += 0.9
    assert scene.catalog.wishes[A].resource.spec == {"text": "abcdef"}
    assert scene.save("a", "Note a text=abcdef") == frozenset()
    assert scene.catalog.due_files == {}


def test_a_save_through_an_empty_file_is_measured_against_the_last_good_bytes() -> None:
    scene = Scene(a="Note a text=abcdef")
    scene.save("a", "")
    scene.save("a", "Note a text=abc")
    assert scene.catalog.wishes[A].resource.spec == {"text": "abcdef"}
    assert scene.state() is State.GOOD
