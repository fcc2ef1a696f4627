"""Resources: what all signals of one process have in common, read once and remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from percapita.telemetry.digest.decode.wire import Buffer, MalformedError, Scope

_REMEMBERED: Final = 4_096
"""Resources and scopes whose bytes are known again; beyond, all are read anew."""

CELLS: Final[Mapping[str, tuple[str, ...]]] = {
    "service": ("service.name",),
    "resource": ("cloud.resource_id", "k8s.node.name", "host.id"),
    "cluster": ("k8s.cluster.name",),
    "namespace": ("k8s.namespace.name", "service.namespace"),
    "region": ("cloud.region",),
}
"""Cell column of a reading to the attributes that fill it, the first that is there."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Attributes of a resource, as texts and as numbers."""

    texts: Mapping[str, str]
    cells: tuple[str | None, ...]
    """In the order of ``CELLS``."""


class Resources:
    """Remembers resources and the names of scopes by their bytes."""

    def __init__(self) -> None:
        self._resources: dict[bytes, Resource] = {}
        self._scopes: dict[bytes, str] = {}

    def of(self, buffer: Buffer, scope: Scope) -> Resource:
        """Return the resource of a scope's signals."""
        return self.read(buffer.raw[scope.resource.start : scope.resource.end])

    def read(self, raw: bytes) -> Resource:
        """Return the resource that these bytes are."""
        found = self._resources.get(raw)
        if found is None:
            from opentelemetry.proto.resource.v1.resource_pb2 import (  # noqa: PLC0415
                Resource as Message,
            )

            if len(self._resources) >= _REMEMBERED:
                self._resources.clear()
            texts = attributes(parsed(Message, raw).attributes)
            found = self._resources[raw] = Resource(texts, cells(texts))
        return found

    def scope(self, buffer: Buffer, scope: Scope) -> str:
        """Return the name of an instrumentation scope."""
        raw = buffer.raw[scope.scope.start : scope.scope.end]
        name = self._scopes.get(raw)
        if name is None:
            from opentelemetry.proto.common.v1.common_pb2 import (  # noqa: PLC0415
                InstrumentationScope,
            )

            if len(self._scopes) >= _REMEMBERED:
                self._scopes.clear()
            name = self._scopes[raw] = parsed(InstrumentationScope, raw).name
        return name


def parsed(kind: Any, raw: bytes) -> Any:  # noqa: ANN401
    """Return a message.

    Raises:
        MalformedError: the bytes are none.
    """
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    try:
        return kind.FromString(raw)
    except DecodeError as error:
        raise MalformedError("it cannot be parsed") from error


def attributes(pairs: Iterable[Any]) -> dict[str, str]:
    """Return attributes as texts; those that are lists or maps are left out."""
    result: dict[str, str] = {}
    for pair in pairs:
        which = pair.value.WhichOneof("value")
        if which == "string_value":
            result[pair.key] = pair.value.string_value
        elif which == "bool_value":
            result[pair.key] = "true" if pair.value.bool_value else "false"
        elif which in ("int_value", "double_value"):
            result[pair.key] = str(getattr(pair.value, which))
    return result


def cells(texts: Mapping[str, str]) -> tuple[str | None, ...]:
    """Return the cell columns that attributes fill."""
    return tuple(first(texts, names) for names in CELLS.values())


def first(texts: Mapping[str, str], names: Iterable[str]) -> str | None:
    """Return the value of the first of these attributes that is there and not empty."""
    return next((texts[name] for name in names if texts.get(name)), None)
