"""Where a path leads, as the kernel says it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from p42.scripts import ways

NAMES = st.sampled_from(["a", "b", "a/b", "b/a", "a/b/c"])
TARGETS = st.sampled_from(["a", "b", "../b", "a/b", "../a/../b", ".", "..", "/a", "/b/c", "c"])


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(NAMES, TARGETS), st.lists(st.sampled_from(["a", "b", "c", ".."]), max_size=5)
)
def test_it_leads_where_the_kernel_says(links: dict[str, str], parts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(os.path.realpath(name))
        for link, target in links.items():
            place = root / link
            if not os.path.lexists(place) and os.path.realpath(place.parent).startswith(str(root)):
                try:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.symlink_to(f"{root}{target}" if target[0] == "/" else target)
                except OSError:  # a link stands where its directory would be
                    continue
        path = "/".join([str(root), *parts])
        try:
            real = os.path.realpath(path, strict=True)
        except OSError:
            return
        led, over = ways.led(path)
        assert led == real
        assert all(Path(each).is_symlink() for each in over)
        assert all(Path(each).parent.resolve() == Path(each).parent for each in over)
