r"""A script whose line breaks were escaped twice is refused; one that says `\n` itself is not."""

from __future__ import annotations

import time

import pytest

from p42.scripts.draft import draft
from p42.scripts.escaped import escaped_twice
from p42.scripts.language import Language
from p42.scripts.reply import Unfit

TWICE = [
    r"#!/bin/bash\necho hi\n", r"#!/bin/bash\necho hi\n" + "\n",
    r"#!/usr/bin/env python3\nprint(1)",
    r"echo hi\nrm -rf x", r"echo hi\n", r"\necho hi", r"echo hi\r\necho ho", r"set -e\n\necho hi",
    r'echo "one"\necho "two"', r"echo 'one'\necho 'two'", r"echo \"hi there\"\necho done",
    r"# greet\necho hi", r"# don't\necho 'hi'", r"# don't greet\necho hi", r"echo hi # so\necho ho",
    r'printf "a\n"\nprintf "b\n"', r"if true; then\n  echo hi\nfi", r"echo $'a\nb'\necho c",
    "#!/bin/bash\n" + r"echo hi\nrm -rf x", r'echo "$(date)"\necho it\'s late', r"echo a\\\nb",
]  # fmt: skip
ITS_OWN = [
    r"printf 'a\nb\n'", r'printf "%s\n" "$1"', r"printf '%s\n' *", r"echo -e 'a\nb'",
    r"tr ' ' '\n'", r"tr \\n ' '", r"sed 's/,/\n/g'", r"IFS=$'\n' read -r x", r'echo "it\'s\n"',
    r"awk '{ printf \"%s\n\", $1 }' | sort", r'awk \'BEGIN{ORS="\n"} {print}\'',
    r"awk 'BEGIN { RS = \"\" } { gsub(/\n/, \" \"); print }'", r"printf %s\\n a", r"echo a\b",
    "echo one\nsed s/,/" + r"\n" + "/g", "#!/bin/bash\n" + r"printf 'a\n'",
    r'find . -printf "%f\n"',
    r'echo "$(printf "a\n")"', r"printf \"a\\n\"", "echo plain",
]  # fmt: skip


@pytest.mark.parametrize("script", TWICE)
def test_a_break_that_is_two_characters_is_told_as_what_it_is(script: str) -> None:
    r"""The first was called empty, and the others ran as `echo hinrm -rf x`."""
    with pytest.raises(Unfit, match="its line breaks are escaped twice"):
        draft({"implementation": script})


@pytest.mark.parametrize("script", ITS_OWN)
def test_a_break_that_is_meant_so_is_left_as_it_is(script: str) -> None:
    assert draft({"implementation": script}).source == script + "\n"


@pytest.mark.parametrize(("language", "script"), [
    ("python", r"print('a\nb')"), ("python", r"import re; print(re.sub(r'\n', ' ', input()))"),
    ("python", r'print("""a\nb""")'), ("python", "print(f'{1}" + r"\n', " + '"it\'s")'),
    ("node", r"console.log('a\nb')"), ("node", r"console.log(`a\n${1}`)"),
    ("node", r"process.stdin.on('data', d => console.log(String(d).split(/\n/).length))"),
    ("node", r"console.log(require('fs').readFileSync(0, 'utf8').replace(/[\r\n/]+/g, ' '))"),
    ("node", r"const f = x => /a'\n/.test(x); console.log(f('a'))"),
])  # fmt: skip
def test_so_it_is_in_the_other_languages(language: str, script: str) -> None:
    assert draft({"implementation": script, "language": language}).source == script + "\n"


@pytest.mark.parametrize(("language", "script"), [
    ("python", r"import sys\nprint(sys.argv)"), ("python", r"# don't\nprint('x')"),
    ("python", r"def f():\n    return 'a\nb'\nprint(f())"),
    ("node", r"const a = 1\nconsole.log(a / 2)"), ("node", r"// don't\nconsole.log('x')"),
    ("node", r"console.log('a\n')\nconsole.log(4 / 2)"),
])  # fmt: skip
def test_they_too_are_told(language: str, script: str) -> None:
    with pytest.raises(Unfit, match="its line breaks are escaped twice"):
        draft({"implementation": script, "language": language})


@pytest.mark.parametrize("language", ["bash", "python", "node"])
@pytest.mark.parametrize("piece", ["'\"", "\\", "a'", "#", "/", '"$(', "`${", "=/[", "=/a", "({"])
def test_a_long_one_takes_no_longer_than_its_length(language: Language, piece: str) -> None:
    """What never ends is looked for once."""
    began = time.monotonic()
    escaped_twice(piece * 60_000 + r"\n", language)
    assert time.monotonic() - began < 5.0


def test_what_python_says_of_a_script_stands_without_quotes() -> None:
    with pytest.raises(Unfit) as refused:
        draft({"implementation": "print(1", "language": "python"})
    assert str(refused.value) == "it is no Python: line 1: '(' was never closed"
