"""A sixth kind is one folder: validated, planned, listed, explained and served, no other edit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.scene import Scene
from tests.house.tree import PACKAGE, ROOT

LAMP = """\
apiVersion: p42.dev/v1
kind: Lamp
metadata: {name: porch}
spec: {colour: green}
"""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A user whose p42 has a sixth folder under kinds/, and nothing else changed."""
    there = tmp_path / "controller/p42"
    shutil.copytree(PACKAGE, there, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    shutil.copytree(Path(__file__).parent / "lamp", there / "kinds/lamp")
    scene = Scene(tmp_path)
    scene.env["PYTHONPATH"] = str(tmp_path / "controller")
    scene.work.joinpath("porch.yaml").write_text(LAMP)
    return scene


def test_a_sixth_kind_is_one_folder_and_no_other_edit(scene: Scene) -> None:
    lamp = scene.home / ".port42/lamps/porch"
    with scene:
        # explained, and validated without a daemon
        assert "The colour it shines in." in scene.sh("p42 explain Lamp.spec.colour").output
        assert scene.sh("p42 validate .").code == 0
        scene.work.joinpath("wrong.txt").write_text(LAMP.replace("green", "mauve"))
        wrong = scene.sh("p42 validate wrong.txt")
        assert (wrong.code, "spec.colour" in wrong.output) == (3, True), wrong.output

        # planned
        diff = scene.sh("p42 diff -f . -o json")
        assert diff.code == 2, diff.output
        (step,) = json.loads(diff.output)["steps"]
        assert (step["kind"], step["name"], step["step"]) == ("Lamp", "porch", "Light")

        # made real, listed by its plural and its short name, kept real
        assert scene.sh("p42 apply -f .").code == 0
        assert lamp.read_text() == "green"
        assert "green" in scene.sh("p42 get lamps").output
        assert scene.sh("p42 get lp -o name").output == "lamp/porch\n"
        lamp.write_text("red")
        assert scene.sh("p42 wait lamp/porch --for Ready").code == 0
        assert scene.sh("p42 reconcile lamp/porch && p42 wait lamp/porch --for Ready").code == 0
        assert lamp.read_text() == "green"

        # and taken down
        assert scene.sh("p42 delete -f .").code == 0
        assert not lamp.exists()
