"""A model that says the shebang twice is taken at its first word."""

from __future__ import annotations

import time

import pytest

from p42.scripts.draft import draft
from p42.scripts.reply import Unfit


@pytest.mark.parametrize(("said", "kept"), [
    ("#!/bin/bash\n#!/bin/bash\necho hi\n", "#!/bin/bash\necho hi\n"),
    ("#!/bin/bash\r\n#!/bin/bash\r\necho hi\r\n", "#!/bin/bash\necho hi\n"),
    ("#!/usr/bin/env python3\n#!/usr/bin/python3\n#!/bin/sh\nprint(1)",
     "#!/usr/bin/env python3\nprint(1)\n"),
    ("#!/usr/bin/env node\n#!/usr/bin/env node\nlet a = 1\n", "#!/usr/bin/env node\nlet a = 1\n"),
])  # fmt: skip
def test_of_shebangs_at_the_beginning_the_first_is_kept(said: str, kept: str) -> None:
    """The second stayed in the body; node does not even read such a script."""
    assert draft({"implementation": said}).source == kept


@pytest.mark.parametrize("script", [
    "#!/bin/bash\n\n#!/bin/bash\necho hi\n", "#!/bin/bash\necho hi\n#!/bin/bash\n",
    "#!/bin/bash\n # !/bin/sh\necho hi\n", "#!/bin/bash\n" + r"#!/bin/bash\necho" + "\necho hi\n",
    "echo hi\n#!/bin/bash\n",
])  # fmt: skip
def test_further_down_it_is_the_scripts_own(script: str) -> None:
    assert draft({"implementation": script}).source == script


@pytest.mark.parametrize("script", ["#!/bin/bash\n#!/bin/bash", "#!/bin/sh\n#!/bin/sh\n\n"])
def test_nothing_but_shebangs_is_empty(script: str) -> None:
    with pytest.raises(Unfit, match="its implementation is empty"):
        draft({"implementation": script})


def test_very_many_take_no_longer_than_their_length() -> None:
    began = time.monotonic()
    with pytest.raises(Unfit, match="its implementation is empty"):
        draft({"implementation": "#!/bin/bash\n" * 300_000})
    assert time.monotonic() - began < 5.0
