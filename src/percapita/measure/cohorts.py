"""Groups of people that are too small to be shown alone, and which others they are shown with.

Every group is a union of blocks, and every block has enough people. Whatever sums and differences
somebody makes of the groups that are shown, over all tables together, are sums and differences of
whole blocks: no smaller number of people can be singled out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from percapita.core.money import total
from percapita.measure.cost import Amounts, Key
from percapita.measure.figures import Figure

Shown = Mapping[str | None, tuple[str | None, ...]]
"""Value of a cut -> all values that it is shown together with, itself among them."""
_NAMED = 3
_UNKNOWN = "not known"


def blocks(people: Mapping[Key, int], *, fewest: int, overlap: int = 0) -> list[frozenset[Key]]:
    """Put people who differ in some cut together until each block has enough.

    Args:
        people: how many there are of each combination of the values of all cuts.
        fewest: how many are enough.
        overlap: how many are counted in more than one combination.
    """
    made = {frozenset({key}): count for key, count in sorted(people.items(), key=_order)}
    while len(made) > 1:
        small = [block for block, count in made.items() if count - overlap < fewest]
        if not small:
            break
        first = min(small, key=lambda block: (made[block], _named(block)))
        rest = [block for block in made if block != first]
        partner = min(rest, key=lambda one: (_apart(first, one), made[one], _named(one)))
        made[first | partner] = made.pop(first) + made.pop(partner)
    return list(made)


def shown(made: Sequence[frozenset[Key]], place: int) -> Shown:
    """Return which values of one cut are shown together: those that share a block."""
    sets: list[set[str | None]] = []
    for block in made:
        values = {key[place] for key in block}
        touched = [one for one in sets if one & values]
        sets = [one for one in sets if not one & values] + [values.union(*touched)]
    return {value: tuple(sorted(one, key=_text)) for one in sets for value in one}


def label(values: Sequence[str | None]) -> str:
    """Return what a line of groups that are shown together is called."""
    if len(values) > _NAMED:
        return f"{len(values)} small groups"
    return " + ".join(_UNKNOWN if value is None else value for value in values)


def merged(rows: Sequence[Figure], place: int, together: Mapping[Key, tuple[str | None, ...]],
           *, counted: bool) -> list[Figure]:  # fmt: skip
    """Bring rows together that are not to be shown alone; the dearest stay first.

    Args:
        rows: one a key.
        place: of the cut that tells people apart.
        together: key -> values that it is shown with.
        counted: nobody stands in two rows, so units add up.
    """
    sets: dict[Key, list[Figure]] = {}
    for row in rows:
        values = together.get(row.key, (row.key[place],))
        name = row.key[place] if len(values) == 1 else label(values)
        sets.setdefault((*row.key[:place], name, *row.key[place + 1 :]), []).append(row)
    return [
        one[0] if len(one) == 1 and one[0].key == key else _sum(key, one, together, counted=counted)
        for key, one in sets.items()
    ]


def _sum(
    key: Key,
    rows: Sequence[Figure],
    together: Mapping[Key, tuple[str | None, ...]],
    *,
    counted: bool,
) -> Figure:
    cost = Amounts(
        total([row.cost.direct for row in rows]),
        total([row.cost.shared for row in rows]),
        total([row.cost.overhead for row in rows]),
    )
    units = [row.units for row in rows if row.units is not None]
    known = counted and len(units) == len(rows)
    numerator = None if rows[0].numerator is None else cost.total
    return replace(
        rows[0], key=key, cost=cost, numerator=numerator, revenue=None, verdict=None, coarser="",
        units=sum(units) if known else None, merged=together[rows[0].key],
    )  # fmt: skip


def _apart(one: frozenset[Key], other: frozenset[Key]) -> int:
    """Return in how many cuts two blocks share no value: each is a line that is lost."""
    places = range(len(next(iter(one))))
    return sum(not {k[p] for k in one} & {k[p] for k in other} for p in places)


def _order(item: tuple[Key, int]) -> tuple[int, list[tuple[bool, str]]]:
    return item[1], [_text(value) for value in item[0]]


def _named(block: frozenset[Key]) -> list[list[tuple[bool, str]]]:
    return sorted([_text(value) for value in key] for key in block)


def _text(value: str | None) -> tuple[bool, str]:
    return value is None, value or ""
