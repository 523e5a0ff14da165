"""Parse: text to documents with places, and no text that brings the process down."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from p42.manifest import prescan
from p42.manifest.finding import Malformed, place
from p42.manifest.jsontext import JsonText
from p42.manifest.parse import locate, parse, path_over, show
from p42.manifest.values import Builder


def build(text: str) -> object:
    try:
        return [document.build() for document in parse(text)]
    except Malformed as error:
        return error.findings


def test_empty_documents_are_counted_and_left_out() -> None:
    documents = parse("---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n")
    assert [document.index for document in documents] == [1, 3]


def test_a_place_counts_lines_as_editors_do() -> None:
    text = "a: 1\r\nb: äöü x\r\nc: 3"
    _, node = locate(parse(text)[0].node, ("c",))
    assert place(text, node.start_mark.index) == (3, 4)


def test_a_byte_order_mark_shifts_nothing() -> None:
    text = prescan.decode(b"\xef\xbb\xbfa: 1")
    _, node = locate(parse(text)[0].node, ("a",))
    assert place(text, node.start_mark.index) == (1, 4)


def test_a_path_is_found_over_any_character_of_its_value() -> None:
    text = "spec:\n  tests:\n    - args: [a, bcd]\n"
    node = parse(text)[0].node
    assert show(path_over(node, text.index("bcd") + 1)) == "spec.tests[0].args[1]"
    assert show(path_over(node, text.index("args"))) == "spec.tests[0].args"


def test_of_what_is_missing_the_parent_is_located() -> None:
    node = parse("metadata:\n  labels: {}\n")[0].node
    key, value = locate(node, ("metadata", "name"))
    assert key is not None
    assert key.value == "metadata"
    assert value.start_mark.index == 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\tfoo: 1", "tab cannot indent"),
        ("a: b: c", "no colon is expected here"),
        ("a: [1, 2", "not YAML"),
        ("a: 'x", "not YAML"),
        ("a: *nobody", "undefined alias"),
        ("a: &x 1\nb: &x 2", "duplicate anchor"),
        ("%YAML 3.0\n---\na: 1", "not YAML"),
        ('a: "\\ud800"', "not YAML"),
    ],
)
def test_a_syntax_error_says_what_and_where(text: str, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text)
    finding = caught.value.findings[0]
    assert message in finding.message
    assert 0 <= finding.at < max(1, len(text))


BOMBS = {
    "flow": "[" * 200_000,
    "mappings": "{a: " * 100_000,
    "compact": "- " * 200_000,
    "explicit": "? " * 200_000,
    "values": ": " * 200_000,
    "mixed": "- ? - : " * 60_000,
    "tabs": "-\t" * 200_000,
    "two per line": "\n".join(" " * (2 * n) + "-" for n in range(900)),
    "just below": "\n".join(" " * (30 * n) + "- " * 15 + "x:" for n in range(180)),
    "indented": "\n".join(" " * n + "a:" for n in range(1400)),
    "anchors": "&a " * 100_000,
    "plain": "a" * 1_000_000,
    "quotes": "'" * 1_000_000,
    "keys": "a: 1\n" * 150_000,
    "json": '{"a":' * 100_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_bomb_takes_a_second_or_the_process(name: str) -> None:
    program = "import sys; from tests.manifest.test_parse import *; build(BOMBS[sys.argv[1]])"
    done = subprocess.run([sys.executable, "-c", program, name], timeout=60, check=False)
    assert done.returncode == 0
    began = time.process_time()
    found = build(BOMBS[name])
    assert time.process_time() - began < 2  # the rule is 1 s; this machine may be busy
    assert found


@given(st.text(alphabet="ab:-?[]{}&*!|>'\"#%@`,\n\t \\0~<.", max_size=200))
@example("? - ? - :")
@settings(max_examples=400, deadline=None)
def test_any_text_is_documents_or_findings(text: str) -> None:
    assert build(text) is not None


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_text_or_a_finding(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        build(prescan.decode(data))


LETTERS = st.characters(exclude_characters="\0", exclude_categories=("Cs",))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(LETTERS, max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('ab"\\é😀', min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_json_text_reads_what_json_writes(value: object) -> None:
    import json

    for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False)):
        node = JsonText(text).read()
        assert node is not None
        builder = Builder()
        assert builder.build(node) == value
        assert builder.findings == []


@pytest.mark.parametrize(
    "text",
    ["{", '{"a" 1}', '{"a": 1,}', "[1 2]", "// x\n1", "{'a': 1}", "NaN", '"\\ud800"', "1 2",
     '"a\nb"', "[" * 1000, "01"],
)  # fmt: skip
def test_what_is_no_json_is_refused_at_its_place(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        JsonText(text).read()
    assert 0 <= caught.value.findings[0].at < len(text)
