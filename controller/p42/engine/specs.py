"""Specs: from a document's plain spec to the typed one that a plan sees, defaults completed.

A field whose schema says `x-p42-default-of: Account` falls to the account that says
`default: true` when the manifest leaves it out. Before that, what the configuration says of a name
(`[agents.muse]`) stands in for fields its manifest leaves out. All of it happens before `needs` is
asked, so that a change of the default is a change of every spec that lives on it. The engine still
names no kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from p42.model.kind import AnyKind, Published, Want
from p42.model.refs import Ref
from p42.model.resource import Resource

DEFAULT_OF = "x-p42-default-of"  # in the json_schema_extra of a pydantic field


@dataclass(frozen=True, slots=True)
class Typed:
    """A document, ready to be planned. `needs` are sorted, and never the thing itself."""

    digest: str
    completed: tuple[tuple[str, Any], ...]  # fields that fell to a default, and to which
    spec: Any
    needs: tuple[Ref, ...]


class Specs:
    """Builds each typed spec once per change."""

    def __init__(
        self,
        kinds: Mapping[str, AnyKind],
        *,
        fallback: Mapping[str, str],
        overlays: Mapping[Ref, Mapping[str, Any]] | None = None,
    ) -> None:
        """`fallback`: kind -> name from the configuration, where no manifest says `default`.

        `overlays`: fields, as manifests spell them, for where the manifest of a name has none.
        """
        self._kinds = kinds
        self._overlays = overlays or {}
        self._fallback = fallback
        self._adapters: dict[str, TypeAdapter[Any]] = {}
        self._fields = {name: _default_fields(kind.spec) for name, kind in kinds.items()}
        # Kinds of which one may be the default.
        self.defaultable = frozenset(k for fields in self._fields.values() for k in fields.values())
        self._chosen: dict[str, str] = dict(fallback)
        self._typed: dict[Ref, Typed] = {}

    def choose(self, resources: Iterable[Resource]) -> frozenset[str]:
        """Find the default of each kind among `resources`; answers with kinds whose users change.

        Two of them are an error of the manifests, found elsewhere: here the first by name holds.
        """
        chosen = dict(self._fallback)
        for resource in sorted(resources, key=lambda r: r.ref, reverse=True):
            if resource.ref.kind in self.defaultable and resource.spec.get("default") is True:
                chosen[resource.ref.kind] = resource.ref.name
        moved = {kind for kind in self.defaultable if chosen.get(kind) != self._chosen.get(kind)}
        self._chosen = chosen
        return frozenset(
            user for user, fields in self._fields.items() if moved & set(fields.values())
        )

    def typed(self, resource: Resource) -> Typed:
        """The typed spec. pydantic's ValidationError here is a bug: the schema accepted it."""
        ref, kind = resource.ref, self._kinds[resource.ref.kind]
        completed = self._completed(resource)
        known = self._typed.get(ref)
        if known and known.digest == resource.digest and known.completed == completed:
            return known
        if ref.kind not in self._adapters:
            self._adapters[ref.kind] = TypeAdapter(kind.spec)
        # As JSON, for that is what a manifest holds: a strict tuple field takes a JSON list.
        text = json.dumps({**resource.spec, **dict(completed)})
        spec = self._adapters[ref.kind].validate_json(text)
        needs = tuple(sorted(set(kind.needs(spec)) - {ref}))
        self._typed[ref] = Typed(resource.digest, completed, spec, needs)
        return self._typed[ref]

    def want(self, resource: Resource, needs: Mapping[Ref, Published]) -> Want[Any]:
        """All a plan may know."""
        spec = self.typed(resource).spec
        return Want(resource.ref, spec, resource.annotations, resource.files, needs)

    def spared(self, resource: Resource) -> frozenset[Ref]:
        """Those of its needs that it can do without, as it stands."""
        return frozenset(self._kinds[resource.ref.kind].spares(self.want(resource, {})))

    def forget(self, ref: Ref) -> None:
        """It is gone."""
        self._typed.pop(ref, None)

    def _completed(self, resource: Resource) -> tuple[tuple[str, Any], ...]:
        spec, fields = resource.spec, self._fields[resource.ref.kind].items()
        fallen = {f: self._chosen[kind] for f, kind in fields if kind in self._chosen}
        found = {**fallen, **self._overlays.get(resource.ref, {})}
        return tuple((field, value) for field, value in found.items() if spec.get(field) is None)


def _default_fields(spec: type[Any]) -> dict[str, str]:
    """Field as manifests spell it -> kind, for fields that fall to a default."""
    found = {}
    for name, field in getattr(spec, "model_fields", {}).items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and isinstance(extra.get(DEFAULT_OF), str):
            found[field.alias or name] = extra[DEFAULT_OF]
    return found
