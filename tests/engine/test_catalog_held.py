"""What is held, what releases it, and that a restart changes none of it."""

from __future__ import annotations

from p42.engine.wish import State
from p42.model.ledger import Entry
from p42.model.look import SourceLook
from p42.model.plan import Instant
from p42.model.refs import Ref
from tests.engine.lines import source_look
from tests.engine.scene import A, B, Scene, many


def held(scene: Scene) -> set[str]:
    return {ref.name for ref, wish in scene.catalog.wishes.items() if wish.state is State.HELD}


def lost(count: int, of: int) -> Scene:
    scene = Scene(**many(of))
    for i in range(count):
        scene.remove(f"n{i}")
    scene.survey()
    scene.survey(after=2)
    return scene


def test_prune_lets_go_what_was_held() -> None:
    scene = lost(6, of=8)
    assert len(scene.catalog.prune(["/m"])) == 6
    assert held(scene) == set()
    assert scene.state(Ref("Note", "n0")) is State.GONE


def test_what_comes_back_is_held_no_more_and_the_rest_stays_held() -> None:
    scene = lost(6, of=8)
    for i in range(5):
        scene.files[f"/m/n{i}.yaml"] = f"Note n{i} text=x"
        scene.survey(after=3)
    scene.survey(after=60)
    assert held(scene) == {"n5"}


def test_a_commit_that_lacks_the_files_explains_their_absence() -> None:
    scene = lost(6, of=8)
    assert scene.catalog.held_files() == {"/m": tuple(f"/m/n{i}.yaml" for i in range(6))}
    scene.catalog.explain({f"/m/n{i}.yaml" for i in range(5)})
    assert held(scene) == {"n5"}


def test_forgetting_a_source_lets_go_all_it_declared() -> None:
    scene = Scene(**many(8))
    assert len(scene.catalog.forget("/m")) == 8
    assert {wish.state for wish in scene.catalog.wishes.values()} == {State.GONE}
    assert scene.catalog.sources == ()


def test_what_two_sources_declare_survives_forgetting_one() -> None:
    scene = Scene(a="Note a text=x")
    scene.catalog.follow("/n")
    looks = [source_look("/m", scene.files), source_look("/n", {"/n/a.yaml": "Note a text=y"})]
    scene.catalog.survey(looks, 101.0)
    assert scene.state() is State.DUPLICATE
    scene.catalog.forget("/m")
    assert scene.state() is State.GOOD
    assert scene.catalog.wishes[A].source == "/n"


def test_a_release_needs_no_two_looks_but_no_document_either() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    assert scene.catalog.release(A) == frozenset()
    scene.remove("a")
    scene.survey()
    assert scene.catalog.release(A) == {A}
    assert scene.state() is State.GONE


def test_what_is_declared_again_while_it_goes_stays() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    scene.remove("a")
    scene.survey()
    scene.catalog.release(A)
    assert scene.save("a", "Note a text=x") == {A}
    assert scene.state() is State.GOOD


def test_a_broken_document_does_not_bring_back_what_was_proven_gone() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    scene.remove("a")
    scene.survey()
    scene.catalog.release(A)
    scene.save("a", "Note a text=!")
    assert scene.state() is State.GONE
    scene.catalog.erase(A)
    assert scene.state() is None


def test_a_parent_absorbs_the_source_inside_it() -> None:
    scene = Scene(a="Note a text=x")
    scene.catalog.follow("/")
    assert scene.catalog.sources == ("/",)
    assert scene.catalog.wishes[A].source == "/"
    assert scene.catalog.survey([source_look("/", scene.files)], 200.0) == frozenset()


def test_after_a_restart_a_broken_file_still_keeps_its_last_good_spec() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    scene.files["/m/a.yaml"] = "?"
    scene.restart()
    scene.survey(after=60)
    assert scene.state() is State.BROKEN
    assert scene.catalog.wishes[A].resource.spec == {"text": "x"}


def test_after_a_restart_an_absence_still_needs_two_looks() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    scene.remove("a")
    scene.restart()
    assert scene.state() is State.ABSENT
    scene.survey(after=2)
    assert scene.state() is State.GONE


def test_after_a_restart_the_guard_still_holds() -> None:
    scene = Scene(**many(8))
    for i in range(6):
        scene.remove(f"n{i}")
    scene.restart()
    scene.survey(after=2)
    assert len(held(scene)) == 6


def test_what_was_held_is_held_after_a_restart_even_if_little_is_left_of_it() -> None:
    scene = lost(6, of=8)
    for i in range(5):
        scene.files[f"/m/n{i}.yaml"] = f"Note n{i} text=x"
    scene.restart()
    scene.survey(after=60)
    assert held(scene) == {"n5"}


def test_after_a_restart_a_vanished_source_is_held() -> None:
    scene = Scene(a="Note a text=x")
    scene.restart()
    scene.catalog.survey([SourceLook("/m", (), gone="unmounted")], scene.now)
    assert scene.state() is State.HELD


def test_after_a_restart_a_cut_spec_waits_for_a_second_look() -> None:
    scene = Scene(a="Note a text=rm-rf-tmp", b="Note b")
    scene.files["/m/a.yaml"] = "Note a text=rm-rf-"
    scene.restart()
    assert scene.catalog.wishes[A].resource.spec == {"text": "rm-rf-tmp"}
    scene.survey(after=1)
    assert scene.catalog.wishes[A].resource.spec == {"text": "rm-rf-"}


def test_after_a_restart_an_edit_that_is_no_cut_applies_at_once() -> None:
    scene = Scene(a="Note a text=old", b="Note b")
    scene.files["/m/a.yaml"] = "Note a text=new"
    scene.restart()
    assert scene.catalog.wishes[A].resource.spec == {"text": "new"}


def test_what_stood_in_a_source_that_was_forgotten_is_gone_after_a_restart() -> None:
    scene = Scene(a="Note a text=x")
    wish, catalog = scene.catalog.wishes[A], scene.fresh()
    entry = Entry(A, "/m", wish.resource, (), "delete", 1, Instant(0))
    catalog.restore([entry], ["/elsewhere"])
    assert catalog.wishes[A].state is State.GONE


def test_with_the_ledger_lost_no_absence_counts_in_that_run() -> None:
    scene = Scene(a="Note a text=x", b="Note b")
    scene.restart(keep_all=True)
    scene.remove("a")
    scene.survey()
    scene.survey(after=60)
    assert (scene.state(A), scene.state(B)) == (State.HELD, State.GOOD)


def test_two_defaults_break_both_and_keep_what_ran() -> None:
    scene = Scene(a="Pot a default=true", b="Pot b")
    scene.save("b", "Pot b default=true")
    pots = [Ref("Pot", name) for name in "ab"]
    assert [scene.state(ref) for ref in pots] == [State.BROKEN, State.BROKEN]
    assert scene.catalog.wishes[pots[1]].resource.spec == {}
    scene.save("a", "Pot a key=k")
    assert [scene.state(ref) for ref in pots] == [State.GOOD, State.GOOD]
    assert scene.catalog.wishes[pots[1]].resource.spec == {"default": True}


def test_a_cycle_of_needs_breaks_all_in_it() -> None:
    scene = Scene(a="Pot a inside=b", b="Pot b inside=a")
    assert dict(scene.catalog.wishes) == {}
    assert [f.file for f in scene.catalog.broken] == ["/m/a.yaml", "/m/b.yaml"]
