"""Lists: what `p42 get KIND -o yaml` prints, taken apart into documents again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from p42.manifest import prescan
from p42.manifest.finding import Malformed
from p42.manifest.parse import parse
from p42.manifest.reading import LIST
from p42.model.resource import API_VERSION


def unlisted(text: str) -> str:
    """`text` with every List replaced by its items, as JSON, which is YAML, and without status.

    Text without a List comes back as it is; so does text that does not parse: reading it tells why.
    """
    try:
        decoded = prescan.decode(text.encode())
        documents = parse(decoded)
        if not any(document.top("kind") == LIST for document in documents):
            return text
        values = [value for document in documents for value in _items(document.build())]
    except Malformed:
        return text
    return "".join(f"---\n{json.dumps(v, indent=2, ensure_ascii=False)}\n" for v in values)


def _items(value: Any) -> Iterator[Any]:
    is_list = isinstance(value, dict) and value.get("kind") == LIST
    if not is_list or value.get("apiVersion") != API_VERSION:
        yield value
        return
    for item in value.get("items") or ():
        yield {k: v for k, v in item.items() if k != "status"} if isinstance(item, dict) else item
