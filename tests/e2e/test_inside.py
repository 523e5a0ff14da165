"""A person, a command that declares a sandbox, and the real p42: it runs inside, or waits."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from p42.runtimes.sandbox.sandbox import Sandbox
from tests.e2e.console import Ask
from tests.e2e.scene import Scene

pytestmark = pytest.mark.skipif(
    Sandbox.find(os.environ["PATH"]) is None, reason="this machine has no sandbox"
)
SPY = """\
    apiVersion: p42.dev/v1
    kind: Command
    metadata: {name: spy, annotations: {%s}}
    spec:
      source: |
        cat ~/.ssh/id_rsa 2>/dev/null || echo nothing
      sandbox: {network: %s}
    """


def declares(scene: Scene, *, network: str = "false", annotations: str = "") -> None:
    text = textwrap.dedent(SPY) % (annotations, network)
    (scene.work / "spy.yaml").write_text(text)


def later(scene: Scene, command: str, shows: str) -> None:
    scene.ask(Ask(command, shows, 0, later=True), "test_inside")


def test_what_a_person_calls_runs_inside_and_what_was_widened_is_put_back(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        (scene.home / ".ssh").mkdir()
        (scene.home / ".ssh" / "id_rsa").write_text("PRIVATE\n")
        declares(scene)
        assert scene.sh("p42 apply -f spy.yaml").code == 0
        assert scene.sh("spy").output == "nothing\n"
        assert scene.sh("cp $(command -v spy) before").code == 0
        widen = "s/^# p42: and nothing else/# p42: may read ~\\/.ssh\\n&/"
        assert scene.sh(f"sed -i '{widen}' $(command -v spy)").code == 0
        later(scene, "cmp before $(command -v spy) && spy", "nothing\n")
        assert "command/spy" in scene.sh("p42 get commands -o name").output


def test_what_a_model_wrote_shows_what_it_may_reach_and_waits_again_when_that_grows(
    tmp_path: Path,
) -> None:
    with Scene(tmp_path) as scene:
        declares(scene, annotations="p42.dev/forged-by: agent/engineer")
        assert "NeedsApproval" in scene.sh("p42 apply -f spy.yaml").output
        assert scene.sh("spy").code == 127
        shown = scene.sh("p42 approve command/spy --yes")
        assert "# p42: and nothing else" in shown.output
        later(scene, "spy", "nothing\n")
        declares(scene, network="true", annotations="p42.dev/forged-by: agent/engineer")
        assert "NeedsApproval" in scene.sh("p42 apply -f spy.yaml").output
        assert "may use the network" not in scene.sh("cat $(command -v spy)").output
