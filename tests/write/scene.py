"""What the tests of the writer stand on: a real directory with a manifest, and statuses for it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from p42.manifest.parse import parse
from p42.manifest.write import StatusWriter
from p42.manifest.write.verdict import Pace
from p42.model.refs import Ref
from p42.model.resource import Place, Resource, digest_of

# No waiting in tests but where a test is about it.
AT_ONCE = Pace(gather=0.0, gather_limit=0.0, settle=0.0, quiet=0.0, gap=0.0, keep=0.0, young=0.0,
               often=0.01, seldom=0.01)  # fmt: skip
_STAMPS = itertools.count()


def manifest(name: str = "greet", *, source: str = "echo hi", comment: str = "# mine") -> str:
    return (
        f"{comment}\napiVersion: p42.dev/v1\nkind: Command\nmetadata:\n  name: {name}\n"
        f"spec:\n  source: {source}   # why\n"
    )


def resources(path: Path, **annotations: str) -> list[Resource]:
    """What the reader makes of the file, without its checks."""
    found = []
    for document in parse(path.read_text(encoding="utf-8-sig")):
        value = document.build()
        found.append(
            Resource(
                ref=Ref(value["kind"], value["metadata"]["name"]),
                place=Place(str(path), document.index, 1),
                spec=value["spec"],
                annotations={f"p42.dev/{k}": v for k, v in annotations.items()},
                digest=digest_of(value["spec"], {}),
            )
        )
    return found


def resource(path: Path, **annotations: str) -> Resource:
    return resources(path, **annotations)[0]


def status(what: Resource, reason: str = "Reconciled", **facts: Any) -> Mapping[str, Any]:
    ready = "True" if reason == "Reconciled" else "False"
    condition = {"type": "Ready", "status": ready, "reason": reason}
    return {"observedSpec": what.digest, "conditions": [condition], **facts}


def another(what: Resource) -> Mapping[str, Any]:
    """A status that no file says yet."""
    return status(what, stamp=next(_STAMPS))


async def write(
    home: Path, what: Resource, body: Mapping[str, Any] | None, *, mode: str = "inline"
) -> str:
    """One status through a writer of its own. Where it went."""
    writer = StatusWriter(home, mode=mode, pace=AT_ONCE)
    writer.put(what, body)
    await writer.flush()
    return str(writer.where(what.ref))


def left_in(directory: Path) -> list[str]:
    """Temporary files in its `.p42/`."""
    return sorted(
        path.name for path in (directory / ".p42").glob("*") if path.name[:4] in ("new-", "swap")
    )
