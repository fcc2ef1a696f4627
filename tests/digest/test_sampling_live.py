"""Sampled signals stand for all: by the probability they carry, rounded once."""

from __future__ import annotations

from fractions import Fraction

import pytest

from digest.counter import MODEL, Counter
from digest.otlp import SECOND, T, logs, span, traces
from percapita.telemetry.digest.meters.sampling import adjusted, of_state, of_text

USER = {"user.id": "a"}


@pytest.mark.parametrize(
    ("state", "threshold"),
    [
        ("ot=th:c", "c"), ("ot=th:c00;rv:123", "c"), ("ot=th:0", "0"), ("ot=p:2;r:3", "c"),
        ("ot=p:0", "0"), ("vendor=x,ot=th:8", "8"), ("ot=th:FD70A4", "fd70a4"), ("", None),
        ("ot=th:", None), ("ot=th:xyz", None), ("ot=p:63", None), ("ot=r:1", None),
        ("ot=th:fffffffffffffff", None), ("ot=th:ffffffffffffff", None),
    ],
)  # fmt: skip
def test_thresholds_are_read(state: str, threshold: str | None) -> None:
    """Both ways of saying it, in shortest form; what says nothing is not known."""
    assert of_state(state) == threshold
    if threshold is not None:
        assert of_text(threshold.upper()) == threshold


def test_adjusted_counts() -> None:
    """25 percent stands for four times as much; one in ten thousand is rounded half to even."""
    assert adjusted(3, "c") == 12
    assert adjusted(1, "0") == 1
    exact = Fraction(1_000 * 2**56, 2**56 - int("fff972474538ef", 16))
    assert adjusted(1_000, "fff972474538ef") == round(exact)


def test_a_sum_is_rounded_once_however_it_came(counter: Counter) -> None:
    """A thousand spans of one in seven, in many turns, are what all of them at once would be."""
    threshold = f"{2**56 - round(Fraction(2**56, 7)):014x}"
    for turn in range(10):
        spans = [
            span(n, USER, state=f"ot=th:{threshold}", took=SECOND + n)
            for n in range(1 + 100 * turn, 101 + 100 * turn)
        ]
        counter.send("traces", traces(spans), after=2)
        if turn == 5:
            counter.again()

    took = sum((SECOND + n + 500) // 1_000 for n in range(1, 1_001))
    assert counter.meters()["requests"] == (1_000, 7_000)
    assert counter.meters()["request.time"] == (1_000, adjusted(took, threshold.rstrip("0")))


def test_variance_is_clustered_by_trace(counter: Counter) -> None:
    """Spans of one trace were kept together: squares are of what each trace used in all."""
    spans = [span(n, USER, trace=1 + n % 2, state="ot=th:8") for n in range(1, 6)]
    counter.send("traces", traces(spans))

    (row,) = counter.rows("threshold, trace_squares::VARCHAR", "meter = 'requests'")
    assert row == ("8", str(2**2 + 3**2), 5, 10)

    counter.send("traces", traces([span(9, USER, trace=9, state="ot=th:8")]), after=2)
    counter.digest.tend(counter.spool.now, idle=True)
    (row,) = counter.rows("threshold, trace_squares::VARCHAR", "meter = 'requests'")
    assert row == ("8", str(2**2 + 3**2 + 1), 6, 12)


def test_what_is_not_sampled_has_no_variance(counter: Counter) -> None:
    """Where every trace is kept the total is known; where nothing is said it is unknown."""
    spans = [span(1, USER, state="ot=th:0"), span(2, USER)]
    counter.send("traces", traces(spans))

    rows = counter.rows("threshold, trace_squares", "meter = 'requests'")
    assert rows == [("0", None, 1, 1), (None, None, 1, 1)]


def test_squares_of_an_unknown_sample_are_kept_where_the_model_weighs_it(counter: Counter) -> None:
    """A model that weighs what is unknown by 10 needs the squares of what it weighs."""
    counter.model_path.write_text(MODEL + "sampling: {unknown: 10}\n")
    counter.send("traces", traces([span(1, USER, trace=1), span(2, USER, trace=1)]))

    (row,) = counter.rows("threshold, trace_squares::VARCHAR", "meter = 'requests'")
    assert row == (None, "4", 2, 2)


def test_logs_carry_their_threshold(counter: Counter) -> None:
    """A log record's ``sampling.threshold`` is read likewise."""
    attributes = {**USER, "support.minutes": 1, "sampling.threshold": "8"}
    counter.send("logs", logs([{"event": "support.ticket", "attributes": attributes, "time": T}]))

    assert counter.meters() == {"support.minutes": (1, 120_000_000)}
