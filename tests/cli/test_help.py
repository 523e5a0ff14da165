"""Help is read in whole sentences."""

from __future__ import annotations

import pytest

from p42.cli.app import build
from p42.cli.book import SUBCOMMANDS


@pytest.mark.parametrize("group", sorted(SUBCOMMANDS))
def test_no_line_of_a_groups_help_ends_in_mid_sentence(group: str) -> None:
    command = build(group)
    told = command.get_help(command.make_context(group, [], resilient_parsing=True))
    _, _, listed = told.partition("Commands:\n")
    lines = listed.strip().splitlines()
    assert {line.split()[0] for line in lines} == set(SUBCOMMANDS[group])
    assert all(line.endswith(".") and not line.endswith("...") for line in lines), told
