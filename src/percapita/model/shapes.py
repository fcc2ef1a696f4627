"""What one value of the cost model may look like: one class a shape.

Lists and mappings stand in ``structures.py``. A shape reads a node of the file, says in words what
it takes (for messages and the reference) and writes itself as JSON Schema (for editors): the three
can't drift apart.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import Final

from percapita.core.errors import Problem, nearest
from percapita.core.money import LARGEST, PLACES
from percapita.model.spec import Mark, Trail
from percapita.model.yaml import Items, Keyed, Node, Place, Text

Json = dict[str, object]


class Bad(Enum):
    """The one value of something that could not be read; its problem is noted."""

    BAD = "bad"


BAD: Final = Bad.BAD


class WrongError(Exception):
    """A value of the right shape makes no sense; the reader adds where it stands."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


@dataclass(frozen=True, slots=True)
class At:
    """Where the reader is, and what it has noted so far."""

    path: str
    trail: Trail = ()
    problems: list[Problem] = field(default_factory=list)
    marks: dict[Trail, Mark] = field(default_factory=dict)
    failed: set[Trail] = field(default_factory=set)
    """What could not be read."""
    label: str = ""
    """What messages call the value, if not by its key."""

    def step(self, name: str | int, place: Place) -> At:
        """Go one key or item down and remember where it stands."""
        trail = (*self.trail, name)
        self.marks[trail] = (place.line, place.column)
        return replace(self, trail=trail, label="")

    def wrong(self, code: str, place: Place, message: str, hint: str = "") -> Bad:
        """Note a problem."""
        where = f"{self.path}:{place.line}:{place.column}"
        self.problems.append(Problem(code, where, message, hint))
        self.failed.add(self.trail)
        return BAD

    @property
    def name(self) -> str:
        """What a message calls the value: its key, or ``item 2 of`` a key."""
        if self.label or not self.trail:
            return self.label or "The file"
        *above, last = self.trail
        if isinstance(last, int):
            return f"Item {last + 1} of {str(above[-1])!r}"
        return repr(last)


class Shape(ABC):
    """One kind of value."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What it takes, to follow ``must be``."""

    @property
    def plain(self) -> str:
        """The words without marks."""
        return self.words.replace("`", "")

    @abstractmethod
    def read(self, node: Node, at: At) -> object:
        """Return the typed value, or note what is wrong and return ``BAD``."""

    @abstractmethod
    def schema(self, shared: Json) -> Json:
        """Return its JSON Schema; definitions used more than once go into ``shared``."""

    def mistyped(self, node: Node, at: At) -> Bad:
        """Note that the value is of another kind."""
        kinds = {Text: "one value", Items: "a list", Keyed: "a mapping"}
        found = repr(node.value) if isinstance(node, Text) else kinds[type(node)]
        return at.wrong("wrong-type", node.place, f"{at.name} must be {self.plain}, not {found}.")


def empty(node: Node) -> bool:
    """Tell whether nothing is written, or YAML's word for nothing."""
    return isinstance(node, Text) and (
        not node.value.strip() or (not node.quoted and node.value in {"~", "null", "Null", "NULL"})
    )


class Scalar(Shape):
    """A single value; subclasses type its text."""

    def read(self, node: Node, at: At) -> object:
        """Refuse lists, mappings and nothing, then type the text."""
        if not isinstance(node, Text):
            return self.mistyped(node, at)
        if empty(node):
            hint = f"Give it {self.plain}, or leave the key out."
            return at.wrong("empty", node.place, f"{at.name} has no value.", hint)
        try:
            return self.typed(node)
        except WrongError as error:
            message = error.message.format(name=at.name)
            return at.wrong(error.code, node.place, message, error.hint)

    @abstractmethod
    def typed(self, node: Text) -> object:
        """Return the value of the text.

        Raises:
            WrongError: the text is not one; ``{name}`` in its message stands for the key.
        """


def braced(text: str) -> str:
    """Return a text as quoted in messages that are still to be formatted."""
    return repr(text).replace("{", "{{").replace("}", "}}")


@dataclass(frozen=True)
class Name(Scalar):
    """Any text, or one of a pattern."""

    what: str = "text"
    pattern: str = ""
    hint: str = ""

    @property
    def words(self) -> str:
        """``text`` or what the text is."""
        return self.what

    def typed(self, node: Text) -> str:
        """Check the pattern."""
        if self.pattern and not re.fullmatch(self.pattern, node.value):
            message = f"{{name}} must be {self.what}, not {braced(node.value)}."
            raise WrongError("unknown-value", message, self.hint)
        return node.value

    def schema(self, shared: Json) -> Json:  # noqa: ARG002
        """Editors type a bare 12 or true themselves; the model reads both as text."""
        if self.pattern:
            return {"type": "string", "pattern": f"^(?:{self.pattern})$"}
        return {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True)
class Choice(Scalar):
    """One of a few words; ``also`` maps other spellings to them."""

    values: tuple[str, ...]
    also: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The choices."""
        return "one of " + ", ".join(f"`{value}`" for value in self.values)

    def typed(self, node: Text) -> str:
        """Return the first spelling of the word."""
        value = self.also.get(node.value, node.value)
        if value not in self.values:
            known = nearest(value, [*self.values, *self.also])
            raise WrongError("unknown-value", f"{{name}} cannot be {braced(node.value)}.", known)
        return value

    def schema(self, shared: Json) -> Json:  # noqa: ARG002
        """All spellings."""
        return {"enum": [*self.values, *self.also]}


@dataclass(frozen=True)
class Flag(Scalar):
    """True or false."""

    @property
    def words(self) -> str:
        """The choices."""
        return "`true` or `false`"

    def typed(self, node: Text) -> bool:
        """Take true, false, yes and no, in any case."""
        found = {"true": True, "yes": True, "false": False, "no": False}.get(node.value.lower())
        if found is None:
            message = f"{{name}} must be true or false, not {braced(node.value)}."
            raise WrongError("wrong-type", message)
        return found

    def schema(self, shared: Json) -> Json:  # noqa: ARG002
        """Editors of YAML 1.2 see yes and no as text."""
        return {"enum": [True, False, "yes", "no"]}


@dataclass(frozen=True)
class Number(Scalar):
    """A plain number, kept digit by digit; from ``low`` (or just above it) to ``high``."""

    low: int = 0
    high: int | None = None
    above: bool = False
    """``low`` itself is refused."""
    whole: bool = False

    @property
    def words(self) -> str:
        """What it takes, with its bounds."""
        what = "a whole number" if self.whole else "a number"
        if self.high is not None:
            return f"{what} from {self.low} to {self.high}"
        return f"{what} {'above' if self.above else 'of at least'} {self.low}"

    def typed(self, node: Text) -> Decimal | int:
        """Check form and bounds."""
        value = Decimal(node.value) if self._form().fullmatch(node.value) else None
        if value is None or not self._fits(value):
            example = "12" if self.whole else "1250.75"
            hint = f"Write plain digits, such as {example}." if value is None else ""
            message = f"{{name}} must be {self.words}, not {braced(node.value)}."
            raise WrongError("not-a-number", message, hint)
        return int(value) if self.whole else value

    def schema(self, shared: Json) -> Json:  # noqa: ARG002
        """A number, or its text."""
        bounds: Json = {"exclusiveMinimum" if self.above else "minimum": self.low}
        if self.high is not None:
            bounds["maximum"] = self.high
        return {
            "type": ["integer" if self.whole else "number", "string"],
            "pattern": f"^(?:{self._form().pattern})$",
            **bounds,
        }

    def _form(self) -> re.Pattern[str]:
        return re.compile(r"-?\d+" if self.whole else rf"-?\d+(\.\d{{1,{PLACES}}})?", re.ASCII)

    def _fits(self, value: Decimal) -> bool:
        high = LARGEST if self.high is None else self.high + Decimal(1).scaleb(-PLACES)
        return self.low <= value < high and not (self.above and value == self.low)
