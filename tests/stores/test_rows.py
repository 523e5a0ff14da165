"""Rows: what goes in comes out, whatever it holds, and a changed row is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as some

from p42.stores.state.rows import entry_from, entry_text, sealed, unsealed
from tests.stores.contract import entry

TEXT = some.text(max_size=8) | some.just("\udcff")
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False,
    allow_infinity=False) | TEXT,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(
    spec=some.dictionaries(TEXT, JSON, max_size=4),
    files=some.dictionaries(TEXT, some.binary(max_size=20), max_size=3),
    source=TEXT,
    created=some.floats(0, 1e12),
)
@examples(max_examples=80)
def test_an_entry_comes_back_as_it_went(
    spec: dict[str, object], files: dict[str, bytes], source: str, created: float
) -> None:
    went = replace(
        entry(),
        source=source,
        created=created,
        resource=replace(entry().resource, spec=spec, files=files),
    )
    assert entry_from(entry_text(went)) == went
    entry_text(went).encode()


@given(row=some.lists(TEXT | some.integers() | some.binary(max_size=9), min_size=1, max_size=4))
@examples(max_examples=80)
def test_a_seal_holds_for_its_row_and_for_no_other(row: list[object]) -> None:
    whole = sealed(*row)
    assert unsealed(whole) == tuple(row)
    for place in range(len(row)):
        changed = list(whole)
        changed[place] = [row[place]]
        with pytest.raises(ValueError, match="not what was written"):
            unsealed(tuple(changed))
