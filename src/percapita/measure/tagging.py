"""What is made of tags: the value that was meant, how resources are tagged, what a map misses."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from percapita.core.money import percent

TAGGED, PARTLY, UNTAGGED = "tagged", "partly tagged", "untagged"
"""How a type of resource is tagged: most of its spend, some of it, or next to none."""

_MOST: Final = Decimal(95)
_SOME: Final = Decimal(5)
_ALIKE: Final = 0.75
_SHORTEST: Final = 3
"""Letters that a beginning must have to be taken for a word."""


def status(tagged: Decimal, spend: Decimal) -> str:
    """Return how a type is tagged, by the share of its spend that is."""
    share = percent(tagged, spend) or Decimal(0)
    return TAGGED if share >= _MOST else PARTLY if share >= _SOME else UNTAGGED


def meant(value: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed value that was most likely meant; ``None`` where none is near.

    The same word in other letters wins, then a word that starts the other (``prod`` and
    ``production``), then the one most alike.
    """
    known = {_plain(one): one for one in sorted(allowed, reverse=True)}
    word = _plain(value)
    if word in known:
        return known[word]
    begun = [
        one
        for plain, one in known.items()
        if min(len(plain), len(word)) >= _SHORTEST
        and (plain.startswith(word) or word.startswith(plain))
    ]
    if begun:
        return min(begun, key=lambda one: (abs(len(one) - len(word)), one))
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=_ALIKE)
    return known[close[0]] if close else None


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def variants(key: str, written: Sequence[str]) -> tuple[str, ...]:
    """Return other spellings of a key: another case, a prefix such as ``user:``."""
    return tuple(one for one in written if one != key and _tail(one) == _tail(key))


def _tail(key: str) -> str:
    return _plain(key.rpartition(":")[2].rpartition("/")[2])


class Broken(NamedTuple):
    """A tag that a resource must have and has not, or has with a value that is not allowed."""

    key: str
    value: str | None
    """``None``: the tag is missing."""
    allowed: tuple[str, ...]
    meant: str | None
    """An allowed value near the one that is there, or a key in another spelling."""


def broken(
    tags: Mapping[str, str | None],
    required: Mapping[str, Sequence[str]],
    optional: Mapping[str, Sequence[str]],
) -> list[Broken]:
    """Return what is wrong with the tags of one resource.

    Args:
        tags: key to value; ``None`` is a value that is not known yet.
        required: keys that must be there, with the values they may have; none: any.
        optional: further keys whose values are fixed.
    """
    found = []
    for key, allowed in required.items():
        if key not in tags or tags[key] == "":
            other = variants(key, sorted(tags))
            found.append(Broken(key, None, tuple(allowed), other[0] if other else None))
    for key, allowed in {**required, **optional}.items():
        value = tags.get(key)
        if value and allowed and value not in allowed:
            found.append(Broken(key, value, tuple(allowed), meant(value, allowed)))
    return found
