"""Identity: which document of a file a status is about, and whether it is still the same one."""

from __future__ import annotations

from typing import Any

from p42.manifest.finding import Malformed
from p42.manifest.jsontext import JsonText
from p42.manifest.parse import Document, parse
from p42.manifest.write.outline import Outlined
from p42.manifest.write.splice import Page, same
from p42.manifest.write.verdict import Gone, Refused, Wait
from p42.model.resource import Resource, digest_of

_MENDING = 2.0  # s between two looks at a file that somebody has still to mend


def page_of(path: str, data: bytes) -> Page:
    """The file as a page. Wait if it does not parse: who broke it is about to mend it."""
    if not data.strip():
        raise Gone("the file is empty")
    try:
        return Page.of(data)
    except Refused as error:
        if _is_json(path, data):  # not all of JSON is YAML: surrogate pairs in escapes
            raise
        raise Wait(str(error), after=_MENDING) from None


def number_of(page: Page, resource: Resource) -> int:
    """The number of the document that declares it. Gone if there is none."""
    first, documents = resource.place.document, page.documents
    if first < len(documents) and _declares(documents[first], resource):
        return first
    for number, document in enumerate(documents):
        if _declares(document, resource):
            return number
    raise Gone("the file no longer declares it")


def check_spec(page: Page, number: int, path: str, resource: Resource) -> None:
    """Gone if the spec there is not the one that the resource has.

    The files it names are taken as reconciled: if one has changed, a new status is on its way.
    """
    document = page.documents[number]
    pair = document.find("spec")
    if pair is not None:
        try:
            spec = document.value(pair)
            if same(spec, resource.spec) or digest_of(spec, resource.files) == resource.digest:
                return
        except ValueError:
            pass  # aliases and rarer numbers; the reader knows them all
    if _read_again(page, number, path, resource) != resource.digest:
        raise Gone("its spec has changed since")


def _read_again(page: Page, number: int, path: str, resource: Resource) -> str:
    """The digest as the reader computes it; "" if it cannot."""
    try:
        value = next(d for d in _documents(page.text, path) if d.index == number).build()
    except (Malformed, StopIteration):
        return ""
    return digest_of(value["spec"], resource.files) if "spec" in value else ""


def _documents(text: str, path: str) -> list[Document]:
    if not path.endswith(".json"):
        return parse(text)
    node = JsonText(text).read()
    return [] if node is None else [Document(0, node)]


def _is_json(path: str, data: bytes) -> bool:
    if not path.endswith(".json"):
        return False
    try:
        JsonText(data.decode("utf-8-sig")).read()
    except (Malformed, UnicodeDecodeError):
        return False
    return True


def _declares(document: Outlined, resource: Resource) -> bool:
    if not document.mapping:
        return False
    kind, metadata = _top(document, "kind"), _top(document, "metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return (kind, name) == resource.ref


def _top(document: Outlined, key: str) -> Any:
    try:
        pair = document.find(key)
        return document.value(pair) if pair is not None else None
    except (Refused, ValueError):
        return None
