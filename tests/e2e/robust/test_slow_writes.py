"""What is being written is not read: every prefix of a manifest causes no act and no deletion."""

from __future__ import annotations

import os
import select
import shutil
from pathlib import Path

import pytest

from tests.e2e.robust.box import Box
from tests.e2e.robust.texts import account, agent, command, integration, joined, project, save

PIECE = 0.002  # s between two bytes: quicker than anyone types, slower than the loop looks
SHIPPED = Path(__file__).parents[3] / "manifests"
LETHAL = 'rm -rf "$TMP"/important\necho done'

MANIFESTS = {
    "lethal": command("lethal", *LETHAL.splitlines()),
    "several": joined(command("first"), agent("poet", temperature=0.8), command("second")),
    "kinds": joined(account("spare"), integration("inbox"), project("harbour")),
    "long": command("long", *(f"echo line {number}" for number in range(12))),
} | {f"c{number}": command(f"c{number}") for number in range(6)}


@pytest.fixture
def manifests(box: Box) -> Path:
    """The shipped ones and ours: more than twenty."""
    shutil.copytree(SHIPPED, box.manifests, dirs_exist_ok=True)
    for name, text in MANIFESTS.items():
        save(box.manifests / f"{name}.yaml", text)
    box.apply()
    box.settled()
    box.first = box.traces()
    return box.manifests


def texts(manifests: Path) -> dict[Path, str]:
    """Every manifest as its author wrote it."""
    shipped = {manifests / p.relative_to(SHIPPED): p.read_text() for p in SHIPPED.rglob("*.yaml")}
    return shipped | {manifests / f"{name}.yaml": text for name, text in MANIFESTS.items()}


def looked_at(box: Box, mark: str) -> None:
    """Until the loop has worked off what it was hinted at before `mark` was saved."""
    save(box.manifests / "mark.yaml", command("mark", f"echo {mark}"))
    box.until(lambda: box.runs("mark") == f"{mark}\n", "the mark is real")


def restless(box: Box) -> set[str]:
    """What was made, unmade or changed again since the fixture."""
    now = box.traces()
    return {name for name, trace in box.first.items() if now.get(name) != trace}


@pytest.mark.parametrize("dead", [False, True], ids=["running", "killed-in-between"])
def test_every_prefix_of_manifests_written_slowly_causes_no_act(
    box: Box, manifests: Path, dead: bool
) -> None:
    """All files grow side by side, each prefix closed and open to be read."""
    written = texts(manifests)
    assert len(written) >= 20
    longest = max(map(len, written.values()))
    for end in range(longest + 1):
        for path, text in written.items():
            if end <= len(text):
                path.write_text(text[:end])
        if dead and end == longest // 3:
            box.restart(dead=True)
        _pause(PIECE)
    looked_at(box, "after")
    box.settled()
    assert restless(box) == set()
    acted = [name for name, step in box.acts() if step in STEPS]
    assert dead or acted.count("first") == 2, acted  # Claim and WriteFile, in the beginning


STEPS = {"Claim", "WriteFile", "SetMode", "RemoveFile", "Unclaim", "Register", "Deregister",
         "SetAside", "StartTests", "Deleted"}  # fmt: skip


def _pause(seconds: float) -> None:
    """The writer's own pace; nothing is waited for here."""
    select.select([], [], [], seconds)


def test_a_file_held_open_is_read_when_it_is_closed(box: Box, manifests: Path) -> None:
    text = command("long", "echo grown").encode()
    with (manifests / "long.yaml").open("wb", buffering=0) as file:
        for at in range(0, len(text), 7):
            file.write(text[at : at + 7])
        looked_at(box, "held")
        assert box.runs("long").startswith("line 0\n")
    box.until(lambda: box.runs("long") == "grown\n", "read when closed")


def test_a_cut_script_waits_for_a_second_look(box: Box, manifests: Path) -> None:
    """`rm -rf "$TMP"/` is valid YAML and a valid script; a whole save a second later wins."""
    whole = MANIFESTS["lethal"]
    cut = whole[: whole.index("important")]
    (manifests / "lethal.yaml").write_text(cut)
    os.sync()
    looked_at(box, "cut")
    assert "important" in box.forged("lethal").read_text()
    (manifests / "lethal.yaml").write_text(whole + "    echo more\n")
    box.until(lambda: "more" in box.forged("lethal").read_text(), "the whole save is real")
    assert box.acts().count(("lethal", "WriteFile")) == 2


def test_an_empty_moment_is_no_deletion(box: Box, manifests: Path) -> None:
    for name in MANIFESTS:
        (manifests / f"{name}.yaml").write_bytes(b"")
    looked_at(box, "empty")
    box.restart(dead=True)
    looked_at(box, "empty and restarted")
    for name, text in MANIFESTS.items():
        (manifests / f"{name}.yaml").write_text(text)
    box.settled()
    assert restless(box) == set()
