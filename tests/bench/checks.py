"""What CI does: `p42 validate` beside check-jsonschema on the same files."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.bench import corpus
from tests.bench.home import P42
from tests.bench.measure import paired, ran

SCHEMA = Path(__file__).parents[2] / "schemas" / "manifest.schema.json"


def validate(count: int, *, runs: int) -> None:
    """Whole processes, in turn."""
    with tempfile.TemporaryDirectory(prefix="p42-bench-") as name:
        files = [str(path) for path in corpus.write(Path(name), count)]
        peer = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA), *files]
        ours, theirs = paired(
            (f"p42 validate, {count} manifests", lambda: ran([P42, "validate", name])),
            (f"check-jsonschema, {count} manifests", lambda: ran(peer)),
            runs=runs,
        )
    print(ours.line())
    print(theirs.line())
    print(f"  -> {theirs.median / ours.median:.1f} times faster (must: 6)")


def get(home_count: int, *, runs: int) -> None:
    """`p42 get commands` beside the start of a bare Python."""
    from tests.bench.home import fresh_home

    with fresh_home() as home:
        corpus.write(home.manifests, home_count)
        home.p42("apply", "-f", str(home.manifests), "--timeout", "120s")
        ours, bare = paired(
            (f"p42 get commands, {home_count} declared", lambda: home.p42("get", "commands")),
            ("python -c pass", lambda: ran([sys.executable, "-c", "pass"])),
            runs=runs,
        )
    print(ours.line())
    print(bare.line())
    print(f"  -> {ours.median / bare.median:.1f} times bare Python (must: under 15)")
