"""Lists, mappings and records of the cost model, made of shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

from percapita.core.errors import nearest
from percapita.model.shapes import BAD, At, Json, Scalar, Shape, WrongError
from percapita.model.yaml import Items, Keyed, Node, Place, Text


@dataclass(frozen=True)
class Listed(Shape):
    """A list; a single value stands for a list of one where ``single`` says so."""

    item: Shape
    single: bool = True
    some: bool = False
    """An empty list is refused."""
    key: str = ""
    """Records are known by this key: it must differ, and messages go by it."""

    @property
    def words(self) -> str:
        """What the items are."""
        return (
            f"{self.item.words}, or a list of them"
            if self.single
            else f"a list, each item {self.item.words}"
        )

    def read(self, node: Node, at: At) -> object:
        """Return the good items; ``BAD`` where one without a key is bad."""
        if self.single and fits(self.item, node):
            value = self.item.read(node, at)
            return BAD if value is BAD else (value,)
        if not isinstance(node, Items):
            return self.mistyped(node, at)
        if self.some and not node.items:
            return at.wrong("empty", node.place, f"{at.name} is an empty list.")
        values = self._values(node, at)
        if BAD in values and not self.key:
            return BAD
        return tuple(value for value in values if value is not BAD)

    def _values(self, node: Items, at: At) -> list[object]:
        seen: dict[str, Place] = {}
        values = []
        for number, child in enumerate(node.items):
            label = self._label(child)
            inside = at.step(number, child.place)
            again = label in seen
            if again:
                self._twice(label, child.place, seen[label], at)
            elif label:
                named = at.step(label, child.place)
                inside = named if self.key else inside
                seen[label] = child.place
            value = self.item.read(child, inside)
            # The name is the first one's: what it leads to must not be mixed up.
            values.append(BAD if again else value)
        return values

    def _label(self, child: Node) -> str:
        if not self.key:
            return child.value if isinstance(child, Text) else ""
        name = child.get(self.key) if isinstance(child, Keyed) else None
        return name.value if isinstance(name, Text) else ""

    def _twice(self, label: str, place: Place, first: Place, at: At) -> None:
        hint = f"The first is in line {first.line}."
        if self.key:
            at.wrong("duplicate-name", place, f"Two {at.trail[-1]} are named {label!r}.", hint)
        else:
            at.wrong("duplicate-value", place, f"{at.name} names {label!r} twice.", hint)

    def schema(self, shared: Json) -> Json:
        """An array, or one item."""
        item = self.item.schema(shared)
        many: Json = {"type": "array", "items": item}
        if self.some:
            many["minItems"] = 1
        return {"anyOf": [item, many]} if self.single else many


@dataclass(frozen=True)
class Named(Shape):
    """A mapping whose keys the model chooses, in file order."""

    key: Scalar
    value: Shape
    one: bool = False
    """Exactly one entry."""

    @property
    def words(self) -> str:
        """What is mapped to what."""
        return f"a mapping from {self.key.words} to {self.value.words}"

    def read(self, node: Node, at: At) -> object:
        """Return a dict, ``BAD`` where an entry is bad."""
        if not isinstance(node, Keyed):
            return self.mistyped(node, at)
        if not node.pairs or (self.one and len(node.pairs) > 1):
            must = "exactly one entry" if self.one else "at least one entry"
            return at.wrong("empty", node.place, f"{at.name} needs {must}.")
        pairs = []
        for key, child in node.pairs:
            inside = at.step(key.value, key.place)
            name = self.key.read(key, replace(inside, label=f"A key of {at.name}"))
            pairs.append((name, self.value.read(child, inside)))
            inside.step("", child.place)
        return BAD if any(BAD in pair for pair in pairs) else dict(pairs)

    def schema(self, shared: Json) -> Json:
        """An object with any keys of the right form."""
        result: Json = {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": self.value.schema(shared),
        }
        names = self.key.schema(shared)
        if "type" not in names or "pattern" in names:
            result["propertyNames"] = names
        return {**result, "maxProperties": 1} if self.one else result


@dataclass(frozen=True)
class Made(Shape):
    """A shape whose value is made into something else, or refused, by ``make``."""

    shape: Shape
    make: Callable[[object], object]

    @property
    def words(self) -> str:
        """As the shape."""
        return self.shape.words

    def read(self, node: Node, at: At) -> object:
        """Read, then make."""
        value = self.shape.read(node, at)
        if value is BAD:
            return BAD
        try:
            return self.make(value)
        except WrongError as error:
            message = error.message.format(name=at.name)
            return at.wrong(error.code, node.place, message, error.hint)

    def schema(self, shared: Json) -> Json:
        """As the shape."""
        return self.shape.schema(shared)


@dataclass(frozen=True)
class Key:
    """One key of a record: all that the reader, the schema and the reference say of it."""

    name: str
    shape: Shape
    meaning: str
    example: str
    """The section of the file the key stands in, with the key in use."""
    field: str = ""
    """Field of the spec's record; the name with underscores unless said."""
    required: bool = False
    default: str = ""
    """What holds without the key, in words; the spec's default unless said."""

    @property
    def target(self) -> str:
        """The field the value goes into."""
        return self.field or self.name.replace(" ", "_")


@dataclass(frozen=True)
class Free:
    """Keys of a record beside the fixed ones, which the model chooses: at most one is written."""

    placeholder: str
    key: Scalar
    value: Shape
    meaning: str
    example: str
    required: bool = True


@dataclass(frozen=True)
class Record(Shape):
    """A mapping with fixed keys."""

    noun: str
    """``A pool``: what messages call it."""
    keys: tuple[Key, ...]
    make: Callable[..., object]
    """Called with the fields that were written."""
    spec: type[Any] | None = None
    """The spec's record, for the defaults."""
    free: Free | None = None
    """Its one entry is passed on as the field ``free``, a pair."""
    shared: str = ""
    """Documented and defined once under this name."""
    lenient: bool = False
    """What is there is made even where a required key is missing, so that it can be checked."""

    @property
    def words(self) -> str:
        """``a pool``."""
        return f"{self.noun[0].lower()}{self.noun[1:]} (a mapping)"

    def read(self, node: Node, at: At) -> object:
        """Read every key; ``BAD`` where a required one is missing or bad."""
        if not isinstance(node, Keyed):
            return self.mistyped(node, at)
        known = {key.name: key for key in self.keys}
        values: dict[str, object] = {}
        for name, child in node.pairs:
            if key := known.get(name.value):
                values[key.target] = key.shape.read(child, at.step(name.value, child.place))
            elif self.free:
                values["free"] = self._free(self.free, name, child, at, "free" in values)
            else:
                self._unknown(name, at)
        missing = self._missing(node, values, at)
        required = [key.target for key in self.keys if key.required]
        bad = missing or any(values[name] is BAD for name in required)
        if (bad and not self.lenient) or values.get("free") is BAD:
            return BAD
        return self._made(values, node, at)

    def _made(self, values: Mapping[str, object], node: Node, at: At) -> object:
        good = {name: value for name, value in values.items() if value is not BAD}
        try:
            return self.make(**good)
        except WrongError as error:
            # What is missing for a bad value's sake is no problem of its own.
            if len(good) < len(values):
                return BAD
            return at.wrong(error.code, node.place, error.message.format(name=at.name), error.hint)

    def _unknown(self, name: Text, at: At) -> None:
        message = f"{name.value!r} is not a key of {self.noun[0].lower()}{self.noun[1:]}."
        hint = nearest(name.value, [key.name for key in self.keys])
        at.wrong("unknown-key", name.place, message, hint)

    def _free(self, free: Free, name: Text, child: Node, at: At, again: bool) -> object:  # noqa: FBT001
        if again:
            message = f"{self.noun} names one {free.placeholder.lower()} only."
            return at.wrong("unknown-key", name.place, message)
        inside = at.step(name.value, name.place)
        key = free.key.read(name, inside)
        value = free.value.read(child, inside)
        inside.step("", child.place)
        return BAD if BAD in (key, value) else (key, value)

    def _missing(self, node: Keyed, values: Mapping[str, object], at: At) -> bool:
        meant = [name.value for name, _ in node.pairs]
        missing = [
            key
            for key in self.keys
            # A misspelt key is one problem, not two.
            if key.required and key.target not in values and not get_close_matches(key.name, meant)
        ]
        for key in missing:
            example = key.example.replace("\n", " ").strip()
            message = f"{self.noun} needs the key {key.name!r}."
            at.wrong("missing-key", node.place, message, f"For example: {example}.")
        if self.free and self.free.required and "free" not in values:
            message = f"{self.noun} names no {self.free.placeholder.lower()}."
            at.wrong("missing-key", node.place, message, f"For example: {self.free.example}.")
            return True
        return any(key.required and key.target not in values for key in self.keys)

    def default(self, key: Key) -> str:
        """Say what holds without the key."""
        if key.default or key.required:
            return key.default
        for known in fields(self.spec) if self.spec else ():
            if known.name == key.target and known.default is not MISSING:
                return written(known.default)
        return "none"

    def schema(self, shared: Json) -> Json:
        """An object with these keys only."""
        if not self.shared:
            return self._object(shared)
        if self.shared not in shared:
            shared[self.shared] = {}
            shared[self.shared] = self._object(shared)
        return {"$ref": f"#/$defs/{self.shared}"}

    def _object(self, shared: Json) -> Json:
        result: Json = {
            "type": "object",
            "properties": {
                key.name: {"description": key.meaning, **key.shape.schema(shared)}
                for key in self.keys
            },
            "required": [key.name for key in self.keys if key.required],
            "additionalProperties": self.free.value.schema(shared) if self.free else False,
        }
        if self.free:
            names = [key.name for key in self.keys]
            result["propertyNames"] = {"anyOf": [{"enum": names}, self.free.key.schema(shared)]}
        return result


def written(value: object) -> str:
    """Return a default of the spec as the file would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]" if value else "none"
    return str("" if value is None else value) or "none"


@dataclass(frozen=True)
class Either(Shape):
    """One shape or another, told apart by how the value is written.

    Among records, the first that has a key of the file's mapping wins, else the last.
    """

    options: Sequence[Shape]

    @property
    def words(self) -> str:
        """All of them."""
        return " or ".join(dict.fromkeys(option.words for option in self.options))

    def read(self, node: Node, at: At) -> object:
        """Read by the shape that fits the node's kind."""
        fitting = [option for option in self.options if fits(option, node)]
        if not fitting:
            return self.mistyped(node, at)
        named = [option for option in fitting if _has_key(option, node)]
        return [*named, fitting[-1]][0].read(node, at)

    def schema(self, shared: Json) -> Json:
        """Any of them."""
        return {"anyOf": [option.schema(shared) for option in self.options]}


def fits(shape: Shape, node: Node) -> bool:
    """Tell whether the node is of the shape's kind, whatever stands in it."""
    if isinstance(shape, Made):
        return fits(shape.shape, node)
    if isinstance(shape, Scalar):
        return isinstance(node, Text)
    if isinstance(shape, Listed):
        return isinstance(node, Items) or (shape.single and fits(shape.item, node))
    if isinstance(shape, Either):
        return any(fits(option, node) for option in shape.options)
    return isinstance(node, Keyed)


def _has_key(shape: Shape, node: Node) -> bool:
    inner = shape.shape if isinstance(shape, Made) else shape
    return (
        isinstance(inner, Record)
        and isinstance(node, Keyed)
        and any(node.get(key.name) is not None for key in inner.keys)
    )


def records(shape: Shape) -> Iterable[Record]:
    """Yield the records that a shape leads to, not those inside them."""
    if isinstance(shape, Record):
        yield shape
    elif isinstance(shape, Either):
        for option in shape.options:
            yield from records(option)
    elif isinstance(shape, Made):
        yield from records(shape.shape)
    elif isinstance(shape, Listed):
        yield from records(shape.item)
    elif isinstance(shape, Named):
        yield from records(shape.value)
