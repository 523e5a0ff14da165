"""The GitHub workflow and the pre-commit hook do on a fresh clone what their pages say."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.checkout import checkout
from tests.e2e.scene import Scene
from tests.house.tree import ROOT

WORKFLOW = ROOT / "docs/integrations/github/p42.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A fresh clone; no daemon is ever started in it."""
    checkout(tmp_path / "work")
    return Scene(tmp_path)


def steps() -> list[dict[str, Any]]:
    """The steps of the workflow's one job."""
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def test_every_run_line_of_the_workflow_succeeds(scene: Scene) -> None:
    lines = [step["run"] for step in steps() if "run" in step]
    assert len(lines) == 3
    for line in lines:
        # The package under test is installed already; asking pip for it again changes nothing.
        answer = scene.sh(line if "pip install" not in line else f"{line} --no-deps --no-index")
        assert answer.code == 0, answer.output
    sarif = json.loads((scene.work / "p42.sarif").read_text(encoding="utf-8"))
    assert sarif["runs"][0]["results"] == []


def test_the_workflow_fails_and_annotates_a_broken_manifest(scene: Scene) -> None:
    broken = scene.work / "manifests/agents/muse.yaml"
    broken.write_text(
        broken.read_text(encoding="utf-8").replace("temperature: 0.8", "temperature: 8")
    )
    answer = scene.sh("p42 validate --format github manifests/")
    assert answer.code == 3
    assert "::error file=manifests/agents/muse.yaml,line=" in answer.output


def test_the_hook_checks_the_whole_tree_whatever_changed(scene: Scene) -> None:
    (hook,) = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))
    assert (hook["id"], hook["language"], hook["pass_filenames"]) == (
        "p42-validate",
        "python",
        False,
    )
    assert hook["args"] == ["."]
    # This repository holds several stacks beside each other; a hook names the one it is about.
    line = shlex.join([*hook["entry"].split(), "manifests/"])
    answer = scene.sh(line)
    assert answer.code == 0, answer.output
    # Two files of one name: neither is wrong by itself.
    again = scene.work / "manifests/agents/again.yaml"
    again.write_text((scene.work / "manifests/agents/muse.yaml").read_text(encoding="utf-8"))
    answer = scene.sh(line)
    assert answer.code == 3
    assert "again.yaml" in answer.output
    assert "muse.yaml" in answer.output
