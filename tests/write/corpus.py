"""Files as people write them: every one has to come through a splice with its bytes in place."""

from __future__ import annotations

SPEC = "apiVersion: p42.dev/v1\nkind: Command\nmetadata: {name: a}\nspec:\n"
STATUS = 'status:\n  observedSpec: abc\n  conditions:\n    - {type: Ready, status: "True"}\n'

BLOCK: dict[str, str] = {
    "plain": SPEC + "  source: echo\n",
    "no final newline": SPEC + "  source: echo",
    "comment without newline at the end": SPEC + "  source: echo\n# end",
    "comment on the last line": SPEC + "  source: echo   # why\n",
    "comment on the last line, no newline": SPEC + "  source: echo   # why",
    "comments at every indent": SPEC + "  # a\n    # b\n  source: x\n    # c\n  # d\n # e\n# f\n",
    "comments and blank lines": SPEC + "  source: x\n\n  # later: y\n\n\n# at the margin\n\n",
    "trailing spaces": SPEC.replace("\n", "  \n") + "  source: x   \n   \n",
    "tab in a comment": SPEC + "  source: x \t# a\tb\n  #\tc\n",
    "CRLF": (SPEC + "  source: x\n# end\n").replace("\n", "\r\n"),
    "CRLF, no final newline": (SPEC + "  source: x").replace("\n", "\r\n"),
    "CRLF and LF mixed": SPEC + "  source: x\r\n  language: bash\n",
    "byte order mark": "\ufeff" + SPEC + "  source: x\n",
    "unicode": SPEC + '  source: "🐬 été"\n  # ünï\n',
    "literal block": SPEC + "  source: |\n    echo\n    status: no\n",
    "literal block, blank lines after": SPEC + "  source: |\n    echo\n\n\n# c\n",
    "literal block, keep": SPEC + "  source: |+\n    echo\n\n\n",
    "literal block, keep, comment after": SPEC + "  source: |+\n    echo\n\n# c\n",
    "literal block, strip, no newline": SPEC + "  source: |-\n    echo",
    "literal block with a hash": SPEC + "  source: |\n    # no comment\n  # a comment\n",
    "literal block with trailing spaces": SPEC + "  source: |\n    echo\n      \n",
    "folded block": SPEC + "  description: >\n    one\n    two\n\n    three\n",
    "folded block, indent indicator": SPEC + "  source: |2\n      x\n",
    "status in a block scalar": SPEC + "  source: |\n    status:\n      observedSpec: x\n",
    "status as a nested key": SPEC + "  config:\n    status: mine\n",
    "anchors and aliases": SPEC + "  env: &e {A: b}\n  other: *e\n",
    "alias at the end": "x: &x\n  a: b\n" + SPEC + "  source: x\n  y: *x  # c\n",
    "quoted keys": '"apiVersion": p42.dev/v1\n"kind": Command\n"spec": {"a": 1}\n',
    "flow at the end": SPEC + "  tests: [{args: [a,\n    b]},\n  ]   # c\n",
    "sequence at the margin": SPEC + "  tools:\n  - a\n  - b\n",
    "multi-line plain scalar": SPEC + "  description: one\n    two\n    three\n",
    "multi-line quoted scalar": SPEC + '  description: "one\n    two"\n',
    "empty value at the end": SPEC + "  source:\n",
    "empty value, no newline": SPEC + "  source:",
    "empty item": SPEC + "  tools:\n    -\n",
    "null spec": "kind: Command\nspec:\n  # nothing yet\n",
    "indented root": "  kind: Command\n  spec:\n    a: 1\n",
    "document start": "---\n" + SPEC + "  source: x\n",
    "document start with a comment": "# top\n--- # one\n" + SPEC + "  source: x\n",
    "document end": SPEC + "  source: x\n...\n",
    "document end, comment": SPEC + "  source: x\n# c\n...\n# after\n",
    "directive": "%YAML 1.2\n---\n" + SPEC + "  source: x\n",
    "status last": SPEC + "  source: x\n" + STATUS,
    "status last, comments after": SPEC + "  source: x\n" + STATUS + "# mine\n\n# mine too\n",
    "status last, indented comment after": SPEC + "  source: x\n" + STATUS + "  # mine\n",
    "status with comments inside": SPEC
    + "status:\n  # ours\n  a: 1 # ours\n  b: 2  # ours\n# not\n",
    "status in the middle": "kind: Command\n" + STATUS + "# about the spec\nspec: {a: 1}\n",
    "status first": STATUS + SPEC + "  source: x\n",
    "status in flow": SPEC + "  source: x\nstatus: {a: [1, 2], b: {c: d}}  # c\n",
    "status in flow over lines": SPEC + "  source: x\nstatus: {\n  a: 1,\n}\n# c\n",
    "status null": SPEC + "  source: x\nstatus:\n",
    "status null with a comment": SPEC + "  source: x\nstatus: # nothing\n# c\n",
    "status a scalar": SPEC + "  source: x\nstatus: fine\n",
    "status a list": SPEC + "  source: x\nstatus:\n- a\n- b\n",
    "status a block scalar": SPEC + "  source: x\nstatus: |\n  a\n  b\n\n# c\n",
    "status quoted": SPEC + '  source: x\n"status": {a: 1}\n',
    "status, no final newline": SPEC + "  source: x\n" + STATUS.rstrip("\n"),
    "status CRLF": (SPEC + "  source: x\n" + STATUS + "# c\n").replace("\n", "\r\n"),
    "status an alias": SPEC + "  env: &e {A: b}\nstatus: *e\n",
}

FLOW: dict[str, str] = {
    "JSON on one line": '{"kind": "Command", "spec": {"a": 1}}\n',
    "JSON pretty": '{\n  "kind": "Command",\n  "spec": {\n    "a": 1\n  }\n}\n',
    "JSON with tabs": '{\n\t"kind": "Command",\n\t"spec": {"a": [1, 2]}\n}',
    "JSON CRLF": '{\r\n    "kind": "Command",\r\n    "spec": {}\r\n}\r\n',
    "JSON with a status": '{\n  "status": {"a": 1},\n  "kind": "Command"\n}\n',
    "JSON with a status in the middle": '{"kind": "Command", "status": null, "spec": {}}',
    "JSON with a status at the end": '{\n  "spec": {},\n  "status": {\n    "a": 1\n  }\n}\n',
    "flow": "{kind: Command, spec: {a: b}}\n",
    "flow with a trailing comma": "{kind: Command, spec: {a: b},}\n",
    "flow with comments": "{kind: Command, # one\n spec: {a: b}, # two\n} # three\n",
    "flow with an empty value": "{kind: Command, spec: }\n",
    "flow with a bare key": "{kind: Command, spec}\n",
    "flow with a bare status": "{kind: Command, status}\n",
    "flow after a document start": "--- {kind: Command}\n",
    "empty flow": "{}\n",
}

MANY: dict[str, tuple[str, int]] = {
    "first of three": (SPEC + "  a: 1\n---\n" + SPEC + "  b: 2\n---\n" + SPEC + "  c: 3\n", 0),
    "second of three": (SPEC + "  a: 1\n---\n" + SPEC + "  b: 2\n---\n" + SPEC + "  c: 3\n", 1),
    "third of three": (SPEC + "  a: 1\n---\n" + SPEC + "  b: 2\n---\n" + SPEC + "  c: 3", 2),
    "behind empty ones": ("---\n---\n# nothing\n---\n" + SPEC + "  a: 1\n...\n---\n", 2),
    "with comments between": (SPEC + "  a: 1\n# one\n---\n# two\n" + SPEC + "  b: |\n    x\n", 0),
    "kept lines before the next": (SPEC + "  a: |+\n    x\n\n---\nb: 1\n", 0),
    "block and flow": (SPEC + "  a: 1\n--- {kind: Command, b: 2}\n---\n" + SPEC + "  c: 3\n", 1),
    "other statuses stay": (SPEC + "  a: 1\n" + STATUS + "---\n" + SPEC + "  b: 1\n" + STATUS, 1),
}  # fmt: skip

REFUSED: dict[str, str] = {
    "block scalar without newline at the end": SPEC + "  source: |\n    echo",
    "folded scalar without newline at the end": SPEC + "  description: >\n    echo",
    "anchored status": SPEC + "  a: 1\nstatus: &s {a: 1}\n",
    "anchor inside the status": SPEC + "  a: 1\nstatus:\n  a: &s 1\n",
    "anchored status key": SPEC + "  a: 1\n&s status: {}\n",
    "two statuses": SPEC + "status: 1\nstatus: 2\n",
    "explicit status key": SPEC + "  a: 1\n? status\n: a\n",
    "not YAML": "a: [\n",
    "a list": "- a\n",
    "a scalar": "a\n",
    "empty": "",
}


def every() -> list[tuple[str, str, int]]:
    """Name, text and document number of all that can be spliced."""
    alone = [(name, text, 0) for name, text in (BLOCK | FLOW).items() if name != "directive"]
    return [*alone, *((name, text, number) for name, (text, number) in MANY.items())]
