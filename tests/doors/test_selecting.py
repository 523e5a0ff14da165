"""Selectors, paths, kind words and durations, as people type them."""

from __future__ import annotations

import pytest

from p42.api.legacy import go_duration
from p42.api.selecting import matches, values_at
from p42.api.words import kind_of, kinds_of, ref_of
from p42.kinds import discover
from p42.model.errors import InvalidInput
from p42.model.refs import Ref

LABELS = {"app": "web", "p42.dev/tier": "one"}
BODY = {"status": {"port": 42, "conditions": [{"reason": "A"}, {"reason": "B"}]}, "a.b": 1}


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("", True), ("app=web", True), ("app==web", True), ("app=api", False), ("app!=api", True),
        ("app", True), ("!app", False), ("!other", True), ("app=web, p42.dev/tier=one", True),
        ("app=web,other", False), ("other!=x", True),
    ],
)  # fmt: skip
def test_a_selector_fits_as_in_kubectl(selector: str, fits: bool) -> None:
    assert matches(selector, LABELS) is fits


@pytest.mark.parametrize("selector", ["a=b=c", "app in (web)", "=x", "a b"])
def test_a_selector_that_is_none_is_told(selector: str) -> None:
    with pytest.raises(InvalidInput, match="no label selector"):
        matches(selector, LABELS)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".status.port", [42]), ("{.status.port}", [42]), ("status.conditions[1].reason", ["B"]),
        ("status.conditions[*].reason", ["A", "B"]), ("status.nothing.here", []),
        ("status.conditions[7].reason", []), ("['a.b']", [1]), ("status.port.deeper", []),
    ],
)  # fmt: skip
def test_a_path_finds_what_stands_there(path: str, found: list[object]) -> None:
    assert values_at(BODY, path) == found


@pytest.mark.parametrize("path", ["status..port", "a[", "{.a", "a b"])
def test_a_path_that_is_none_is_told(path: str) -> None:
    with pytest.raises(InvalidInput, match="is no path"):
        values_at(BODY, path)


def test_kinds_are_known_by_every_name_in_any_case() -> None:
    kinds = discover()
    for kind in kinds.values():
        for word in (kind.name, kind.plural, kind.short, kind.name.upper()):
            assert kind_of(kinds, word) == kind.name
    assert kinds_of(kinds, "ALL") == frozenset(kinds)
    assert ref_of(kinds, "cmd/hello") == Ref("Command", "hello")
    with pytest.raises(InvalidInput, match="did you mean agents"):
        kind_of(kinds, "agentss")


@pytest.mark.parametrize("text", ["hello", "cmd/", "/hello", "cmd/a/b", ""])
def test_what_is_no_ref_is_told(text: str) -> None:
    with pytest.raises(InvalidInput):
        ref_of(discover(), text)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (1.6, "2s"), (59.4, "59s"), (62, "1m2s"), (3600, "1h0m0s"), (90061, "25h1m1s")],
)
def test_uptime_is_a_go_duration(seconds: float, said: str) -> None:
    assert go_duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (1e-9, "1ns"), (1.5e-6, "1.5µs"), (0.81439, "814.39ms"), (1, "1s"),
     (1.814393752, "1.814393752s"), (110.852998364, "1m50.852998364s"), (60, "1m0s"),
     (3600.05, "1h0m0.05s"), (-1, "0s")],
)  # fmt: skip
def test_an_exact_go_duration_has_minutes_too(seconds: float, said: str) -> None:
    """`memory` said 110.852998364s; what is expected is what Go's Duration.String prints."""
    assert go_duration(seconds, exact=True) == said
