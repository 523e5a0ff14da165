"""Replies of project sockets as the originals can read them: less than 4,096 bytes a line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p42.wire.tekton import CUT, READ, fitted, line

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3000)


@given(TEXTS, st.integers(1, 8))
def test_what_fits_is_untouched_and_what_does_not_is_the_longest_that_does(
    text: str, times: int
) -> None:
    body = {"type": "response", "ai_id": "project-x-ai", "content": text * times}
    cut = fitted(body, "content")
    assert len(line(cut)) < READ
    if len(line(body)) < READ:
        assert cut == body
        return
    kept = cut["content"].removesuffix(CUT)
    assert body["content"].startswith(kept)
    one_more = {**body, "content": body["content"][: len(kept) + 1] + CUT}
    assert len(line(one_more)) >= READ
