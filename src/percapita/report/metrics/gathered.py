"""What metrics are read from: the answers to a few questions about one period, each asked once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property

from percapita.core.money import total
from percapita.measure.commitments import Commitment
from percapita.measure.distribution import Distribution
from percapita.measure.figures import Figures
from percapita.measure.practice import Item
from percapita.measure.question import Question, ask
from percapita.report.commitments.commitments import commitments
from percapita.report.cost.answer import Answer, answer, spread
from percapita.report.opened import Opened

Practice = Callable[[], Sequence[Item]]


class Gathered:
    """The answers for one period, worked out when they are first read."""

    def __init__(self, opened: Opened, period: str, practice: Practice) -> None:
        self.opened = opened
        self.label = period
        self._practice = practice

    def _question(self, by: Sequence[str] = (), unit: str = "") -> Question:
        opened = self.opened
        period = opened.period(self.label)
        return ask(opened.model, by=by, unit=unit, period=period, basis=opened.basis)

    @cached_property
    def by_pool(self) -> Answer:
        """The period by pool; layers, scopes and classes are sums of it."""
        return answer(self.opened, self._question(["pool"]))

    @property
    def whole(self) -> Figures:
        """The period as a whole, in the primary unit."""
        return self.by_pool.figures

    @cached_property
    def units(self) -> Mapping[str, Figures]:
        """The period as a whole, in every unit of the model."""
        first, *others = [unit.name for unit in self.opened.model.units]
        told = {name: answer(self.opened, self._question(unit=name)).figures for name in others}
        return {first: self.whole, **told}

    @cached_property
    def by_scope(self) -> Mapping[str, Decimal]:
        """Allocated cost by the scope of its pool."""
        return self._summed("scope")

    @cached_property
    def by_layer(self) -> Mapping[str, Decimal]:
        """Allocated cost by the layer of its pool, of pools that say one."""
        return self._summed("layer")

    @cached_property
    def by_class(self) -> Mapping[str, Decimal]:
        """Allocated cost by the class of its pool in profit and loss."""
        return self._summed("cost_class")

    @cached_property
    def by_category(self) -> Mapping[str, Decimal]:
        """Allocated cost by the category of service that the bill says."""
        found = answer(self.opened, self._question(["category"])).figures
        return {str(row.key[0]): row.cost.total for row in found.rows if row.key[0] is not None}

    @cached_property
    def spread(self) -> Distribution | None:
        """How cost is spread over subjects; ``None`` where the unit is metered."""
        if not self.opened.model.primary.subject:
            return None
        return spread(self.opened, self._question()).distribution

    @cached_property
    def commitments(self) -> Commitment:
        """All commitments of the period's months together."""
        opened = self.opened
        period = opened.period(self.label)
        days = opened.days(period)
        months = [m for m in opened.runs if f"{days.first:%Y-%m}" <= m <= f"{days.last:%Y-%m}"]
        return commitments(opened.store, opened.model, months=months).whole

    @cached_property
    def practice(self) -> Mapping[str, Item]:
        """The KPIs of the practice, by name."""
        return {one.name: one for one in self._practice()}

    def _summed(self, fact: str) -> Mapping[str, Decimal]:
        pools = {pool.name: getattr(pool, fact) for pool in self.opened.model.pools}
        parts: dict[str, list[Decimal]] = {}
        for row in self.whole.rows:
            parts.setdefault(pools.get(str(row.key[0]), ""), []).append(row.cost.total)
        sums = {name: total(amounts) for name, amounts in parts.items() if name}
        return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))
