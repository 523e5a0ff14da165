"""A half-written save is not read: held open, cut, growing, through an empty file."""

from __future__ import annotations

from p42.engine.wish import State
from p42.model.look import FileLook, SourceLook
from tests.engine.lines import file_look
from tests.engine.scene import A, Scene


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


def test_a_cut_that_executes_the_same_does_not_wait() -> None:
    scene = Scene(a="Note a text=x slow=long")
    assert scene.save("a", "Note a text=x") == {A}
    assert scene.catalog.wishes[A].resource.spec == {"text": "x"}


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
