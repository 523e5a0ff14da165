"""Delete takes away what p42 made, all of it, and nothing else."""

from __future__ import annotations

import pytest

from tests.e2e.robust.box import Box
from tests.e2e.robust.texts import account, agent, command, integration, joined, project, save


@pytest.fixture
def where() -> str:
    """How statuses are written; a test may say otherwise."""
    return "inline"


@pytest.fixture
def texts(box: Box, where: str) -> dict[str, str]:
    """All kinds, applied; what the user wrote, by path."""
    save(box.manifests / "tool.yaml", "# mine\n" + command("tool"))
    rest = (integration("work"), agent("muse", tools=["work"]), project("numa", agentRef="muse"))
    save(box.manifests / "deep" / "kinds.yaml", joined(account("local", default=True), *rest))
    box.env["P42_STATUS_WRITE"] = where
    before = user_files(box)
    box.apply()
    box.settled("local", "muse", "numa", "tool", "work")
    return before


def user_files(box: Box) -> dict[str, str]:
    return {str(p.relative_to(box.manifests)): p.read_text()
            for p in box.manifests.rglob("*") if p.is_file()}  # fmt: skip


def written(box: Box) -> bool:
    """Whether every file has its status, in it or beside it."""
    sidecars = list(box.manifests.rglob(".p42/status/*.yaml"))
    files = [p for p in box.manifests.rglob("*.yaml") if ".p42" not in p.parts]
    return len(sidecars) == 5 or all("status:" in p.read_text() for p in files)


@pytest.mark.parametrize("where", ["inline", "sidecar"])
def test_delete_f_removes_what_the_source_declared_and_every_trace_of_us(
    box: Box, texts: dict[str, str]
) -> None:
    box.until(lambda: written(box), "the statuses are written")
    said = box("delete", "-f", str(box.manifests), "-o", "json")
    assert said.code == 0, said
    assert {r["name"]: r["result"] for r in said.json["results"]} == dict.fromkeys(
        ["local", "muse", "numa", "tool", "work"], "deleted"
    )
    assert box.overview()["items"] == []
    assert not box.forged("tool").exists()
    box.stop()
    assert user_files(box) == texts
    assert box.serve().overview()["items"] == []
    assert str(box.manifests) not in box("get", "status").out
    assert box("apply", "-f", str(box.manifests)).code == 0
    box.settled("local", "muse", "numa", "tool", "work")


def test_delete_of_a_name_in_a_users_file_says_which_file_to_edit(
    box: Box, texts: dict[str, str]
) -> None:
    said = box("delete", "agent/muse")
    assert said.code == 3
    assert str(box.manifests / "deep" / "kinds.yaml") in said.err
    assert box.item("muse")["ready"] == "True"
    gone = box("delete", "agent/nobody")
    assert gone.code == 1
    assert "Agent/nobody is not declared" in gone.err


def test_delete_of_a_path_inside_a_source_names_the_source(box: Box, texts: dict[str, str]) -> None:
    said = box("delete", "-f", str(box.manifests / "deep"))
    assert said.code == 3
    assert f"source {box.manifests}" in said.err
    assert box.item("muse")["ready"] == "True"


def test_what_is_retained_stays(box: Box) -> None:
    text = command("tool").replace(
        "{name: tool}", "{name: tool, annotations: {p42.dev/deletion-policy: retain}}"
    )
    save(box.manifests / "tool.yaml", text)
    box.apply()
    assert box("delete", "-f", str(box.manifests)).code == 0
    assert box.runs("tool") == "tool\n"


def test_a_file_that_is_no_longer_ours_is_left_alone(box: Box, texts: dict[str, str]) -> None:
    assert box("pause", "cmd/tool").code == 0
    box.forged("tool").write_text("#!/bin/sh\necho theirs\n")
    box.until(lambda: box.item("tool")["drift"], "it is drift")
    box.stop()
    box.manifests.joinpath("tool.yaml").unlink()
    box.serve()
    assert box("resume", "cmd/tool").code == 0
    box.settled("local", "muse", "numa", "work")
    assert box.runs("tool") == "theirs\n"


def test_what_was_applied_from_standard_input_goes_by_name(box: Box) -> None:
    box.serve()
    assert box("apply", "-f", "-", stdin=joined(command("one"), command("two"))).code == 0
    assert box("delete", "command/one").code == 0
    assert not box.forged("one").exists()
    assert box.runs("two") == "two\n"
    kept = box.home / "manifests" / "applied"
    assert [p.name for p in sorted(kept.glob("*.yaml"))] == ["command-two.yaml"]
