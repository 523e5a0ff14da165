"""Checks: a script that says which programs it misses, in its own language, before it begins.

Where the check stands: first, but never before what has to come first itself: a Python docstring
and `from __future__`, JavaScript's "use strict". Every byte of the script stays, in order.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import warnings
from collections.abc import Sequence
from typing import Literal

_STRICT = re.compile(
    rb"""(?:\s+|//[^\n]*\n|/\*.*?\*/)*(?:"use strict"|'use strict')[ \t]*(?:;|\n)""", re.DOTALL
)


def guarded(
    language: Literal["bash", "python", "node"], body: bytes, dependencies: Sequence[str]
) -> bytes:
    """`body` with the check of `dependencies`. Without any nothing is added."""
    if not dependencies:
        return body
    match language:
        case "bash":
            return _bash(dependencies) + body
        case "python":
            at, check = _after_future(body), _python(dependencies)
        case "node":
            strict = _STRICT.match(body)
            at, check = strict.end() if strict else 0, _node(dependencies)
    before = body[:at]
    own_line = b"" if not before or before.endswith((b"\n", b"\r")) else b"\n"
    return before + own_line + check + body[at:]


def _bash(dependencies: Sequence[str]) -> bytes:
    words = " ".join(shlex.quote(word) for word in dependencies)
    # Plain POSIX, for a shebang may say sh; works under -e and -u.
    return f"""\
p42_missing=""
for p42_tool in {words}; do
  command -v "$p42_tool" >/dev/null 2>&1 || p42_missing="$p42_missing $p42_tool"
done
if [ -n "$p42_missing" ]; then
  p42_tool="$(cd "${{0%/*}}/.." 2>/dev/null && pwd || true)/install-deps.sh"
  echo "❌ Missing dependencies:$p42_missing" >&2
  if [ -x "$p42_tool" ]; then p42_tool="$p42_tool$p42_missing"
  else p42_tool="p42 deps --install"; fi
  echo "   Install them: $p42_tool" >&2
  exit 1
fi
unset p42_missing p42_tool

""".encode()


def _python(dependencies: Sequence[str]) -> bytes:
    words = json.dumps(list(dependencies))
    # \\u escapes: the script may declare an encoding of its own.
    return f"""\
def _p42_check(tools):
    import os, shutil, sys
    missing = " ".join(tool for tool in tools if shutil.which(tool) is None)
    if missing:
        home = os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0])))
        tool = os.path.join(home, "install-deps.sh")
        tool = tool + " " + missing if os.access(tool, os.X_OK) else "p42 deps --install"
        text = "\\u274c Missing dependencies: %s\\n   Install them: %s\\n" % (missing, tool)
        sys.stderr.buffer.write(text.encode("utf-8", "replace"))
        sys.exit(1)
_p42_check({words})
del _p42_check

""".encode()


def _node(dependencies: Sequence[str]) -> bytes:
    words = json.dumps(list(dependencies))
    # A module has no `require`. The first ; keeps a "use strict" without one from being called.
    return f"""\
;(function (tools) {{
  const get = typeof require === "function" ? require : process.getBuiltinModule;
  if (!get) return;
  const fs = get("fs"), path = get("path");
  const runs = (file) => {{
    try {{ fs.accessSync(file, fs.constants.X_OK); return fs.statSync(file).isFile(); }}
    catch {{ return false; }}
  }};
  const dirs = (process.env.PATH || "").split(path.delimiter).filter(Boolean);
  const found = (tool) => dirs.some((dir) => runs(path.join(dir, tool)));
  const missing = tools.filter((tool) => !found(tool)).join(" ");
  if (!missing) return;
  const file = path.join(path.dirname(path.dirname(process.argv[1])), "install-deps.sh");
  const tool = runs(file) ? file + " " + missing : "p42 deps --install";
  fs.writeSync(2, "❌ Missing dependencies: " + missing + "\\n   Install them: " + tool + "\\n");
  process.exit(1);
}})({words});

""".encode()


def _after_future(body: bytes) -> int:
    """Where code may begin in a Python script: after its docstring and `from __future__`.

    0 for a script that does not parse: it will say so itself.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the script, not about us
            nodes = ast.parse(body).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0
    last = 0  # line, counted from 1
    for index, node in enumerate(nodes):
        # What begins on the last line belongs to it: `"""doc"""; x = (` goes on below.
        if not (_first_of_all(node, index) or node.lineno == last):
            break
        last = node.end_lineno or 0
    # bytes.splitlines breaks where Python's tokenizer does: \\n, \\r and both.
    return sum(len(line) for line in body.splitlines(keepends=True)[:last])


def _first_of_all(node: ast.stmt, index: int) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return index == 0
        case ast.ImportFrom(module="__future__"):
            return True
    return False
