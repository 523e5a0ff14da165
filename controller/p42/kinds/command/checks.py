"""Checks: a script that says which programs it misses, in its own language, before it begins."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Sequence

from p42.kinds.command.language import Language

_STRICT = re.compile(rb"\s*(['\"])use strict\1[ \t]*;?[^\n]*\n")


def guarded(language: Language, body: bytes, dependencies: Sequence[str]) -> bytes:
    """`body` with the check of `dependencies` at the first place where code may stand.

    Every byte of the body stays, in order. Without dependencies nothing is added.
    """
    if not dependencies:
        return body
    match language:
        case "bash":
            return _bash(dependencies) + body
        case "python":
            at = _after_future(body)
            return body[:at] + _python(dependencies) + body[at:]
        case "node":
            strict = _STRICT.match(body)
            at = strict.end() if strict else 0
            return body[:at] + _node(dependencies) + body[at:]


def _bash(dependencies: Sequence[str]) -> bytes:
    words = " ".join(shlex.quote(word) for word in dependencies)
    return f"""\
p42_missing=""
for p42_tool in {words}; do
  command -v "$p42_tool" >/dev/null 2>&1 || p42_missing="$p42_missing $p42_tool"
done
if [ -n "$p42_missing" ]; then
  echo "❌ Missing dependencies:$p42_missing" >&2
  echo "   Install them: ${{P42_HOME:-$HOME/.port42}}/install-deps.sh$p42_missing" >&2
  exit 1
fi
unset p42_missing p42_tool

""".encode()


def _python(dependencies: Sequence[str]) -> bytes:
    words = json.dumps(list(dependencies))
    return f"""\
def _p42_check(tools):
    import os, shutil, sys
    missing = " ".join(tool for tool in tools if shutil.which(tool) is None)
    if missing:
        home = os.environ.get("P42_HOME") or os.path.expanduser("~/.port42")
        print("❌ Missing dependencies: " + missing, file=sys.stderr)
        print("   Install them: " + home + "/install-deps.sh " + missing, file=sys.stderr)
        raise SystemExit(1)
_p42_check({words})
del _p42_check

""".encode()


def _node(dependencies: Sequence[str]) -> bytes:
    words = json.dumps(list(dependencies))
    # A script may be CommonJS or, by its syntax, a module: then there is no `require`.
    return f"""\
(function (tools) {{
  const get = typeof require === "function" ? require : process.getBuiltinModule;
  if (!get) return;
  const fs = get("fs"), path = get("path");
  const dirs = (process.env.PATH || "").split(path.delimiter).filter(Boolean);
  const there = (file) => {{
    try {{ fs.accessSync(file, fs.constants.X_OK); return fs.statSync(file).isFile(); }}
    catch {{ return false; }}
  }};
  const found = (tool) => dirs.some((dir) => there(path.join(dir, tool)));
  const missing = tools.filter((tool) => !found(tool)).join(" ");
  if (!missing) return;
  const home = process.env.P42_HOME || path.join(process.env.HOME || "~", ".port42");
  console.error("❌ Missing dependencies: " + missing);
  console.error("   Install them: " + home + "/install-deps.sh " + missing);
  process.exit(1);
}})({words});

""".encode()


def _after_future(body: bytes) -> int:
    """Where code may begin in a Python script: after its docstring and `from __future__`.

    0 for a script that does not parse: it will say so itself.
    """
    try:
        tree = ast.parse(body)
    except (SyntaxError, ValueError):
        return 0
    last = 0
    for index, node in enumerate(tree.body):
        docstring = (
            index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        )
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (docstring or future):
            break
        last = node.end_lineno or 0
    lines = body.splitlines(keepends=True)
    if last and not lines[last - 1].endswith(b"\n"):
        return 0  # nothing follows: nothing to guard that a docstring would not bear
    return sum(len(line) for line in lines[:last])
