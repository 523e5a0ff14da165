"""What a program in a sandbox can really write of what is followed, asked of real sandboxes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from p42.model.grants import Grants
from p42.runtimes.sandbox import landlock
from p42.runtimes.sandbox.reach import Reach
from p42.runtimes.sandbox.sandbox import Sandbox
from p42.runtimes.sandbox.settled import settled

FOUND = Sandbox.find(os.environ["PATH"])


def sandbox(form: str) -> Sandbox:
    if FOUND is None or (form == "bwrap" and FOUND.form != form):
        pytest.skip(f"{form} does not work on this machine")
    if form == "landlock" and not landlock.works():
        pytest.skip("this kernel has no Landlock")
    return FOUND if form == "bwrap" else Sandbox("landlock", sys.executable, FOUND.system)


def tree(root: Path) -> None:
    """A project, and what leads to it."""
    for name in ("work/manifests/deep", "work/other", "apart", "free"):
        (root / name).mkdir(parents=True)
    (root / "link").symlink_to(root / "work" / "manifests")
    (root / "work" / "turns").symlink_to(root / "apart")  # who writes there may turn it elsewhere
    (root / "around").symlink_to("free/../work/turns/../apart")


Given = Callable[[Path], Grants]
CASES: dict[str, tuple[Given, str, dict[str, bool]]] = {
    "in what it writes": (lambda r: Grants(write=(r / "work",)), "work/manifests", {}),
    "around what it writes": (lambda r: Grants(write=(r / "work" / "other",)), "work", {}),
    "by a link": (lambda r: Grants(write=(r / "work",)), "link", {}),
    "what it writes, by a link": (lambda r: Grants(write=(r / "link",)), "work/manifests", {}),
    "apart": (lambda r: Grants(write=(r / "free",)), "work/manifests",
              {"bwrap": False, "landlock": False}),
    "shut": (lambda r: Grants((r / "work" / "manifests",), (r / "work",)), "work/manifests",
             {"bwrap": False}),
    "both": (lambda r: Grants((r / "work",), (r / "work",)), "work", {}),
    "read only": (lambda r: Grants((r / "work",)), "work", {"bwrap": False, "landlock": False}),
}  # fmt: skip


@pytest.mark.parametrize("form", ["bwrap", "landlock"])
@pytest.mark.parametrize("case", CASES)
def test_it_knows_what_the_sandbox_lets_through(tmp_path: Path, case: str, form: str) -> None:
    given, source, closed = CASES[case]
    found = sandbox(form)
    tree(tmp_path)
    grants = given(tmp_path)
    opens = closed.get(form, True)
    assert Reach.of(grants, found.form).opens(str(tmp_path / source)) is opens
    real = (tmp_path / source).resolve()
    names = [each / "a" for each in (real, *grants.write) if each.resolve().is_relative_to(real)]
    tries = "; ".join(f": > {name}" for name in names)
    argv = ["bash", "-c", tries]
    taken = settled(grants, tmp_path / ".home")
    subprocess.run(found.wrap(argv, taken, Path("/")), check=False, capture_output=True)
    assert bool(list(real.rglob("a"))) is opens


def test_whoever_can_turn_a_link_on_the_way_can_write_there(tmp_path: Path) -> None:
    tree(tmp_path)
    reach = Reach.of(Grants(write=(tmp_path / "work",)), "bwrap")
    assert reach.opens(str(tmp_path / "work" / "turns"))
    assert reach.opens(str(tmp_path / "around"))
    assert not reach.opens(str(tmp_path / "apart"))
    (tmp_path / "loop").symlink_to("loop")
    reach.opens(str(tmp_path / "loop"))  # comes back; nobody can follow that


def test_whoever_writes_beside_a_file_can_write_the_scripts_it_names(tmp_path: Path) -> None:
    tree(tmp_path)
    one = tmp_path / "work" / "one.yaml"
    one.touch()
    assert Reach.of(Grants((one,), (tmp_path / "work",)), "bwrap").opens(str(one))
    assert not Reach.of(Grants(write=(tmp_path / "free",)), "bwrap").opens(str(one))


def test_what_was_not_there_could_not_be_kept_from_it(tmp_path: Path) -> None:
    tree(tmp_path)
    gone = tmp_path / "work" / "gone"
    reach = Reach.of(Grants((gone,), (tmp_path / "work",)), "bwrap")
    assert reach.opens(str(gone))
    gone.mkdir()
    assert not Reach.of(Grants((gone,), (tmp_path / "work",)), "bwrap").opens(str(gone))


def test_a_home_that_no_manifest_is_looked_for_in_opens_no_source(tmp_path: Path) -> None:
    tree(tmp_path)
    for name, opens in ((".home", False), ("home", True)):
        own = tmp_path / name / "agents" / "a"
        own.mkdir(parents=True)
        reach = Reach.of(Grants(write=(own,)), "bwrap", private=tmp_path / name)
        assert reach.opens(str(tmp_path)) is opens
