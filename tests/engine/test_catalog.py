"""The catalog's rules, each by name. Pure: no files, no clock."""

from __future__ import annotations

from p42.engine.wish import State
from p42.model.look import FileLook, SourceLook
from p42.model.refs import Ref
from tests.engine.lines import resource
from tests.engine.scene import A, B, Scene, many


def test_a_good_document_is_a_wish() -> None:
    scene = Scene(a="Note a text=x")
    assert scene.state() is State.GOOD
    assert scene.catalog.wishes[A].resource.spec == {"text": "x"}


def test_an_unchanged_survey_changes_nothing() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    assert scene.survey(after=30) == frozenset()


def test_a_shifted_line_is_no_change() -> None:
    scene = Scene(a="Note a text=x")
    look = FileLook("/m/a.yaml", "read", (resource("Note a text=x", "/m/a.yaml", 0),), b"\n\nx")
    assert scene.catalog.peek(look, "/m", 101.0) == frozenset()


def test_a_broken_file_is_not_a_deleted_file() -> None:
    scene = Scene(a="Note a text=x")
    scene.save("a", "?")
    for _ in range(3):
        scene.survey(after=60)
    assert scene.state() is State.BROKEN
    assert scene.catalog.wishes[A].resource.spec == {"text": "x"}
    assert [finding.file for finding in scene.catalog.broken] == ["/m/a.yaml"]


def test_a_broken_document_keeps_its_last_good_spec_beside_a_good_one() -> None:
    scene = Scene(a="Note a text=x\nNote b text=x")
    assert scene.save("a", "Note a text=!\nNote b text=y") == {A, B}
    assert (scene.state(A), scene.state(B)) == (State.BROKEN, State.GOOD)
    assert scene.catalog.wishes[A].resource.spec == {"text": "x"}
    assert scene.catalog.wishes[B].resource.spec == {"text": "y"}


def test_a_document_that_was_never_good_is_no_wish() -> None:
    scene = Scene(a="Note a text=!")
    assert scene.state() is None
    assert len(scene.catalog.broken) == 1


def test_an_absence_needs_two_looks_two_seconds_apart() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    scene.remove("a")
    scene.survey()
    assert scene.state() is State.ABSENT
    assert scene.catalog.due_survey == scene.now + 2.0
    scene.survey(after=1.9)
    assert scene.state() is State.ABSENT
    assert scene.survey(after=0.1) == {A}
    assert scene.state() is State.GONE


def test_a_look_at_one_file_proves_no_absence() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    for _ in range(3):
        scene.now += 60
        scene.catalog.peek(FileLook("/m/a.yaml", "missing"), "/m", scene.now)
    assert scene.state() is State.ABSENT


def test_a_survey_of_some_sources_proves_no_absence() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    scene.catalog.follow("/other")
    scene.remove("a")
    for _ in range(3):
        scene.survey(after=60)
    assert scene.state() is State.ABSENT


def test_what_comes_back_in_time_was_never_gone() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    scene.remove("a")
    scene.survey()
    scene.files["/m/a.yaml"] = "Note a text=x"
    scene.survey(after=1)
    scene.remove("a")
    scene.survey(after=1.5)
    assert scene.state() is State.ABSENT  # the clock began anew


def test_an_empty_file_gets_five_seconds() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    scene.save("a", "")
    scene.survey(after=4.9)
    assert scene.state() is State.ABSENT
    scene.survey(after=0.1)
    assert scene.state() is State.GONE


def test_good_then_empty_then_broken_keeps_the_last_good_spec() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    scene.save("a", "")
    scene.now += 1
    scene.save("a", "?")
    scene.survey(after=60)
    assert scene.state() is State.BROKEN


def test_two_documents_of_one_name_name_each_other() -> None:
    scene = Scene(a="Note a text=x")
    scene.save("b", "Note a text=y")
    assert scene.state() is State.DUPLICATE
    assert scene.catalog.wishes[A].resource.spec == {"text": "x"}
    first, second = scene.catalog.broken
    assert ("/m/b.yaml:1:1" in first.message, first.file) == (True, "/m/a.yaml")
    assert ("/m/a.yaml:1:1" in second.message, second.file) == (True, "/m/b.yaml")


def test_of_two_documents_the_one_that_is_left_applies() -> None:
    scene = Scene(a="Note a text=x")
    scene.save("b", "Note a text=y")
    scene.remove("a")
    scene.survey()
    assert scene.state() is State.GOOD
    assert scene.catalog.wishes[A].resource.spec == {"text": "y"}


def test_two_documents_in_one_file_are_two_documents() -> None:
    scene = Scene(a="Note a text=x\nNote a text=y")
    assert scene.state() is None
    assert len(scene.catalog.broken) == 2


def test_a_file_moved_to_another_name_is_no_deletion() -> None:
    scene = Scene(a="Note a text=x", c="Note c")
    scene.remove("a")
    scene.survey()
    scene.files["/m/b.yaml"] = "Note a text=x"
    scene.survey(after=2)
    assert scene.state() is State.GOOD
    assert scene.catalog.wishes[A].resource.place.file == "/m/b.yaml"


def test_a_move_into_a_half_written_file_is_no_deletion() -> None:
    scene = Scene(a="Note a text=x", c="Note c")
    scene.remove("a")
    scene.save("b", "?")
    scene.survey(after=60)
    assert scene.state() is State.BROKEN


def test_a_move_into_a_broken_known_file_is_no_deletion() -> None:
    scene = Scene(a="Note alpha text=x", c="Note c")
    scene.remove("a")
    scene.save("c", "?\nNote alpha")
    scene.survey(after=60)
    assert scene.state(Ref("Note", "alpha")) is State.BROKEN


def test_a_broken_file_elsewhere_does_not_stop_a_deletion() -> None:
    scene = Scene(a="Note alpha text=x", c="Note c")
    scene.save("c", "?")
    scene.remove("a")
    scene.survey()
    scene.survey(after=2)
    assert scene.state(Ref("Note", "alpha")) is State.GONE


def test_a_file_split_in_two_is_no_deletion() -> None:
    scene = Scene(a="Note a text=x\nNote b text=x")
    scene.save("a", "Note a text=x")
    scene.save("b", "Note b text=x")
    assert scene.survey(after=60) == frozenset()
    assert (scene.state(A), scene.state(B)) == (State.GOOD, State.GOOD)


def test_a_vanished_source_is_held() -> None:
    scene = Scene(a="Note a text=x")
    scene.catalog.survey([SourceLook("/m", (), gone="it is not there")], 101.0)
    assert scene.state() is State.HELD
    scene.survey(after=10)
    assert scene.state() is State.GOOD


def test_an_empty_source_is_held() -> None:
    scene = Scene(a="Note a text=x", b="Note b text=x")
    scene.remove("a")
    scene.remove("b")
    scene.survey()
    scene.survey(after=2)
    assert scene.state() is State.HELD


def test_who_deletes_their_only_manifest_means_it() -> None:
    scene = Scene(a="Note a text=x")
    scene.remove("a")
    scene.survey()
    scene.survey(after=2)
    assert scene.state() is State.GONE


def test_losing_more_than_half_and_more_than_three_is_held() -> None:
    scene = Scene(**many(7))
    for i in range(4):
        scene.remove(f"n{i}")
    scene.survey()
    scene.survey(after=2)
    assert [scene.state(Ref("Note", f"n{i}")) for i in range(4)] == [State.HELD] * 4


def test_losing_half_is_everyday_work() -> None:
    scene = Scene(**many(8))
    for i in range(4):
        scene.remove(f"n{i}")
    scene.survey()
    scene.survey(after=2)
    assert [scene.state(Ref("Note", f"n{i}")) for i in range(4)] == [State.GONE] * 4


def test_losing_three_of_four_is_everyday_work() -> None:
    scene = Scene(**many(4))
    for i in range(3):
        scene.remove(f"n{i}")
    scene.survey()
    scene.survey(after=2)
    assert [scene.state(Ref("Note", f"n{i}")) for i in range(3)] == [State.GONE] * 3
