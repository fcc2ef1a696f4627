"""Files of two datasets that hold the same charges, in one delivery: each is read as what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from percapita.bills import cells
from percapita.bills.layouts import Laid
from percapita.core.errors import InputError
from percapita.plugins import TellsApart


class UntoldError(InputError):
    """A file beside two datasets could be of either."""

    def __init__(self, source: str, file: str, datasets: Sequence[str]) -> None:
        super().__init__(
            f"Source {source!r} holds both the {' and the '.join(datasets)} dataset, which have"
            f" the same charges, and nothing tells which of them {file} is of.",
            hint=f"Put each into a folder named for it, such as {datasets[0]}/, with its manifests;"
            " or give each a source of its own with its format.",
        )


def tell_apart(laid: Laid, places: Sequence[Sequence[str]]) -> None:
    """Give every file the format of its dataset, if the delivery has files of several.

    Args:
        laid: the delivery.
        places: of each file, by number, what its place says, the surest first.

    Raises:
        UntoldError: one of them could be of either.
    """
    form = laid.form
    if form is None or not isinstance(form, TellsApart):
        return
    told = dict(_told(laid, form, places))
    datasets = sorted(set(told.values()) - {""})
    if len(datasets) < 2:  # noqa: PLR2004
        return
    for number, dataset in told.items():
        if not dataset and number not in laid.bare:
            raise UntoldError(laid.source.name, places[number][-1], datasets)
    formats = form.datasets()
    laid.divide({n: formats[dataset or datasets[0]] for n, dataset in told.items()})
    laid.notes.append(_note(told, datasets, {d: formats[d].name for d in datasets}))


def _told(
    laid: Laid, form: TellsApart, places: Sequence[Sequence[str]]
) -> Iterator[tuple[int, str]]:
    for _, layout in laid.layouts:
        cell = form.trace(layout.names)
        at = {name: f"c{n}" for n, name in enumerate(layout.names)}
        for number, part in zip(layout.files, layout.parts, strict=True):
            found = laid.engine.rows(f"SELECT DISTINCT {cells.text(cell, at)} FROM {part}")
            traces = {str(word) for (word,) in found if word is not None}
            yield number, form.dataset(places[number], traces)


def _note(told: Mapping[int, str], datasets: Sequence[str], formats: Mapping[str, str]) -> str:
    counts = {d: sum(one == d for one in told.values()) for d in datasets}
    listed = " and ".join(
        f"{counts[d]} {'file' if counts[d] == 1 else 'files'} of the {d} dataset ({formats[d]})"
        for d in datasets
    )
    return f"The same charges come twice, in {listed}: each gives the costs that it alone knows."
