"""jsonpath: kubectl's documented examples, and what cannot be read is said with a caret."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.cli import jsonpath, template
from p42.model.errors import InvalidInput

# https://kubernetes.io/docs/reference/kubectl/jsonpath/
LIST = {
    "kind": "List",
    "items": [
        {
            "kind": "None",
            "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
            "status": {
                "capacity": {"cpu": "4"},
                "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}],
            },
        },
        {
            "kind": "None",
            "metadata": {"name": "127.0.0.2"},
            "status": {
                "capacity": {"cpu": "8"},
                "addresses": [
                    {"type": "LegacyHostIP", "address": "127.0.0.2"},
                    {"type": "another", "address": "127.0.0.3"},
                ],
            },
        },
    ],
    "users": [
        {"name": "myself", "user": {}},
        {"name": "e2e", "user": {"username": "admin", "password": "secret"}},
    ],
}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("kind is {.kind}", "kind is List"),
        ("{.kind}", "List"),
        ("{['kind']}", "List"),
        ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
        ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
        ("{.users[0].name}", "myself"),
        ("{.users[-1:].name}", "e2e"),
        ("{.users[0:2].name}", "myself e2e"),
        ("{.items[*]['metadata.name','status.capacity']}", ""),
        ("{.items[0]['kind','metadata'].name}", "127.0.0.1"),
        ('{.users[?(@.name=="e2e")].user.password}', "secret"),
        ("{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}] {end}",
         "[127.0.0.1, 4] [127.0.0.2, 8] "),
        ('{range .items[*]}{.metadata.name}{"\\t"}{end}', "127.0.0.1\t127.0.0.2\t"),
        (r"{.items[*].metadata.labels.kubernetes\.io/hostname}", "127.0.0.1"),
        (".kind", "List"),
        ("kind", "List"),
        ("{$.kind}", "List"),
        ("{.users[0,1].name}", "myself e2e"),
        ("{.users[*].nothing}", ""),
        ("{.users[9].name}", ""),
        ("{.users[1].user}", '{"username": "admin", "password": "secret"}'),
        ("{.items[?(@.status.addresses[1])].metadata.name}", "127.0.0.2"),
        ("{.items[?(@.kind != 'None')].metadata.name}", ""),
        ("{range .items[*]}{range .status.addresses[*]}{.address};{end}\n{end}",
         "127.0.0.1;\n127.0.0.2;127.0.0.3;\n"),
    ],
)  # fmt: skip
def test_kubectls_examples_hold(text: str, shown: str) -> None:
    assert template.render(text, LIST) == shown


def test_numbers_compare_as_numbers_and_never_with_text() -> None:
    body = {"items": [{"port": 42}, {"port": 4242}, {"port": "x"}]}
    assert template.render("{.items[?(@.port > 100)].port}", body) == "4242"
    assert template.render("{.items[?(@.port==42)].port}", body) == "42"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{.items[}", "expected a number"),
        ("{.items[0}", "expected ]"),
        ("{.items[?(name==1)]}", "a filter begins with @"),
        ("{.items[?(@.a=='b)]}", "brace"),
        ("{.a[?(@.b==c)]}", "compare with"),
        ("{.kind", "brace"),
        ("{range .items[*]}{.x}", "without {end}"),
        ("{end}", "without {range}"),
        ("{.a b}", "does not belong"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, why: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        template.render(text, {})
    assert why in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}[]().'\"@$*?=<>!,:\\ ab01-" + string.whitespace, max_size=24))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        shown = template.render(text, LIST)
    except InvalidInput:
        return
    assert isinstance(shown, str)


KEYS = st.text(min_size=1, max_size=8).filter(lambda key: "\\" not in key)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, st.integers()))
def test_every_key_can_be_reached_in_quotes(body: dict[str, int]) -> None:
    for key, value in body.items():
        quote = '"' if "'" in key else "'"
        if quote in key:
            continue
        assert jsonpath.select(jsonpath.parse(f"[{quote}{key}{quote}]"), body) == [value]
