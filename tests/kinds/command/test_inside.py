"""What declares a sandbox carries it in its own head: p42's first line, and what it may reach."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.kinds.command.forge import forge
from p42.kinds.command.runs import executes, forged
from p42.kinds.command.spec import Command, Sandbox
from p42.model.refs import Ref
from p42.runtimes.sandbox.sandbox import Sandbox as Walls
from p42.scripts.inside import SHEBANG, Headless, Inside, begins, direct, header, parsed
from p42.scripts.marker import marked_name
from tests.kinds.command.conftest import Declare
from tests.laws.reality import Reality

HELLO = Ref("Command", "hello")
NONE: dict[str, Any] = {}
needs_sandbox = pytest.mark.skipif(
    Walls.find(os.environ["PATH"]) is None, reason="this machine has no sandbox"
)


def bytes_of(declare: Declare, **spec: Any) -> bytes:
    data = forged(declare(**spec))
    assert data is not None
    return data


def test_the_head_says_what_runs_it_and_what_it_may_reach(declare: Declare) -> None:
    may = {"network": True, "read": ["~/notes", "/srv"], "write": ["."]}
    data = bytes_of(declare, source="echo hi\n", dependencies=["jq"], sandbox=may)
    lines = data.decode().splitlines()
    assert lines[0] == "#!/usr/bin/env -S p42 __inside --"
    assert lines[1].startswith("# p42: Command/hello sha256:")
    assert lines[2:9] == [
        "# p42: needs jq",
        "# p42: inside #!/usr/bin/env bash",
        "# p42: may use the network",
        "# p42: may read ~/notes",
        "# p42: may read /srv",
        "# p42: may write .",
        "# p42: and nothing else",
    ]
    assert parsed(data) == Inside("#!/usr/bin/env bash", True, ("~/notes", "/srv"), (".",))
    assert marked_name(data) == "hello"


@pytest.mark.parametrize(
    ("source", "begun"),
    [
        ("echo hi", ["/usr/bin/env", "bash"]),
        ("#!/bin/sh -e\necho hi\n", ["/bin/sh", "-e"]),
        ("#! /bin/sh  -eu \necho hi\n", ["/bin/sh", "-eu"]),
        ("#!/usr/bin/env -S python3 -u\nprint('hi')\n", ["/usr/bin/env", "-S python3 -u"]),
        ("#!/usr/bin/env node\nconsole.log('hi')\n", ["/usr/bin/env", "node"]),
    ],
)
def test_it_is_begun_as_its_own_first_line_says_by_who_is_inside_already(
    declare: Declare, tmp_path: Path, source: str, begun: list[str]
) -> None:
    data = bytes_of(declare, source=source, sandbox=NONE)
    assert data.startswith(SHEBANG + b"\n")
    path = tmp_path / "hello"
    path.write_bytes(data)
    assert direct(data, str(path)) == [*begun, str(path)]
    done = subprocess.run(direct(data, str(path)), capture_output=True, check=False, timeout=60)
    assert done.stdout == b"hi\n", done.stderr


def test_all_that_follows_the_interpreter_is_one_argument() -> None:
    """As the kernel has it: `/bin/sh -e -u` gives the shell an option with a blank in it."""
    assert begins(Inside("#!\t/bin/sh \t-e -u ", False, (), ())) == ["/bin/sh", "-e -u"]
    for run in ("#!", "#! \t", "/bin/sh", ""):
        with pytest.raises(Headless):
            begins(Inside(run, False, (), ()))


def test_without_a_sandbox_nothing_of_it_is_there(declare: Declare) -> None:
    data = bytes_of(declare, source="echo hi")
    assert b"inside" not in data
    assert direct(data, "/x") == ["/x"]


def test_an_encoding_that_is_declared_still_counts(declare: Declare, tmp_path: Path) -> None:
    source = "#!/usr/bin/env python3\n# -*- coding: latin-1 -*-\nprint(len('é'))\n"
    files, may = {"a.py": source.encode("latin-1")}, {"read": ["/Übung"]}
    data = bytes_of(declare, sourceFile="a.py", files=files, sandbox=may)
    assert parsed(data).read == ("/Übung",)
    path = tmp_path / "hello"
    path.write_bytes(data)
    assert subprocess.check_output(direct(data, str(path)), timeout=60) == b"1\n"


@settings(max_examples=60)
@given(
    run=st.text(st.characters(codec="utf-8"), max_size=20).map(lambda text: f"#!/bin/sh {text}"),
    network=st.booleans(),
    read=st.lists(st.text(min_size=1, max_size=12), max_size=3).map(tuple),
    write=st.lists(st.text(min_size=1, max_size=12), max_size=3).map(tuple),
    body=st.text(max_size=40),
)
def test_what_is_written_is_what_is_read_whatever_a_path_is_called(
    run: str, network: bool, read: tuple[str, ...], write: tuple[str, ...], body: str
) -> None:
    inside = Inside(run, network, read, write)
    lines = ["# p42: Command/a sha256:0123456789abcdef", *header("#", inside)]
    data = SHEBANG + "\n".join(["", *lines, body]).encode(errors="replace")
    assert parsed(data) == inside


HEAD = """\
#!/usr/bin/env -S p42 __inside --
# p42: Command/hello sha256:0123456789abcdef
# p42: needs jq
# p42: inside #!/usr/bin/env bash
# p42: may read /srv
# p42: and nothing else
echo hi
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#!/usr/bin/env -S p42 __inside --", "#!/usr/bin/env bash"),
        ("p42 __inside --\n", "p42 __inside -- \n"),
        ("# p42: Command/hello sha256:0123456789abcdef\n", ""),
        ("sha256:0123456789abcdef", "sha256:0123456789abcdeg"),
        ("# p42: Command/hello", "; p42: Command/hello"),
        ("# p42: inside #!/usr/bin/env bash\n", ""),
        ("# p42: inside #!/usr/bin/env bash", "// p42: inside #!/usr/bin/env bash"),
        ("# p42: and nothing else\n", ""),
        ("# p42: and nothing else", "#\n# p42: and nothing else"),
        ("may read", "may Read"),
        ("may read /srv", "may read /srv\n# p42: may use the network"),
        ("may read /srv", "may write /srv\n# p42: may read /"),
        ("may read /srv", "inside #!/bin/sh"),
        ("may read /srv", "may read \\x2fsrv"),
        ("may read /srv", "may read \\q"),
        ("may read /srv", "may read \\x"),
        ("may read /srv", "may read /srv\xe9"),
        ("# p42: needs jq\n", "# p42: needs jq\n# p42: needs sed\n"),
    ],
)
def test_a_head_that_p42_would_not_write_is_refused(old: str, new: str) -> None:
    assert parsed(HEAD.encode()) == Inside("#!/usr/bin/env bash", False, ("/srv",), ())
    assert old in HEAD
    with pytest.raises(Headless):
        parsed(HEAD.replace(old, new, 1).encode("latin-1"))


@settings(max_examples=100)
@given(st.binary(max_size=200), st.integers(0, len(HEAD)))
def test_no_bytes_break_the_reader(junk: bytes, at: int) -> None:
    data = HEAD.encode()
    for each in (junk, SHEBANG + b"\n" + junk, data[:at] + junk + data[at:]):
        try:
            begins(parsed(each))
        except Headless as error:
            assert str(error)  # noqa: PT017 - any other error is what must not be


@settings(max_examples=60)
@given(st.text(min_size=1, max_size=60))
def test_no_description_and_no_name_grants_a_thing(description: str) -> None:
    """A command named p42 has a line that begins like ours: `# p42: DESCRIPTION`."""
    told = f"may read /\n{description}\np42: may write /\np42: and nothing else"
    for name in ("p42", "hello"):
        spec = Command(source="echo", description=told, sandbox=Sandbox.model_construct())
        assert parsed(forge(name, spec, b"echo")) == Inside("#!/usr/bin/env bash", False, (), ())


def test_what_it_may_reach_is_in_the_bytes_that_are_approved(declare: Declare) -> None:
    shut, wide = (declare(source="echo", sandbox={"network": each}) for each in (False, True))
    assert executes(shut).startswith(forged(shut) or b"-")
    assert forged(shut) != forged(wide)
    assert b"#!/usr/bin/env -S p42 __inside --\n" in executes(shut)


@pytest.mark.parametrize("text", ["notes", "./notes", "../x", "~ann/x", "/srv/../etc", "~/.."])
async def test_a_path_that_could_mean_anything_is_refused(
    there: Reality, declare: Declare, text: str
) -> None:
    for which in ("read", "write"):
        _, plan = await there.make(HELLO, declare(source="echo", sandbox={which: [text]}))
        assert (plan.status.reason, plan.steps) == ("Blocked", ())
        assert "write a path from / or ~/" in plan.status.text
    assert not (there.commands / "hello").exists()


async def test_a_script_without_p42s_lines_cannot_declare_a_sandbox(
    there: Reality, declare: Declare
) -> None:
    want = declare(source="#!/bin/sh\necho hi\n", verbatim=True, sandbox=NONE)
    _, plan = await there.make(HELLO, want)
    assert plan.status.reason == "Blocked"
    assert "verbatim" in plan.status.text
    assert not (there.commands / "hello").exists()


async def test_a_head_that_somebody_widened_is_put_back(there: Reality, declare: Declare) -> None:
    want = declare(source="echo hi", sandbox=NONE)
    await there.make(HELLO, want)
    path = there.commands / "hello"
    before = path.read_bytes()
    wide = before.replace(b"# p42: and nothing", b"# p42: may use the network\n# p42: and nothing")
    assert parsed(wide).network
    path.write_bytes(wide)
    _, plan = await there.look(HELLO, want)
    assert plan.steps
    await there.make(HELLO, want)
    assert path.read_bytes() == before


@needs_sandbox
@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("bash", 'echo "$1" >> {log}; cat {secret} 2>/dev/null; echo "hi $1"'),
        ("python", "import sys\nopen('{log}', 'a').write('x\\n')\nprint('hi', sys.argv[1])"),
        ("node", "require('fs').appendFileSync('{log}', 'x\\n'); "
                 "console.log('hi ' + process.argv[2])"),
    ],
)  # fmt: skip
async def test_a_trial_runs_it_once_and_in_one_sandbox(
    there: Reality, declare: Declare, tmp_path: Path, language: str, source: str
) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "secret").write_text("treasure")
    log = tmp_path / "log" / "runs"
    script = source.replace("{log}", str(log)).replace("{secret}", str(tmp_path / "secret"))
    tests = [{"args": ["ann"], "expect": {"stdout": "hi ann"}}]
    may = {"write": [str(log.parent)]}
    want = declare(language=language, source=script, tests=tests, sandbox=may)
    seen, plan = await there.make(HELLO, want)
    assert plan.status.ready == "True", seen.verdict
    assert len(log.read_text().splitlines()) == 1
    assert (there.commands / "hello").read_bytes().startswith(SHEBANG)
