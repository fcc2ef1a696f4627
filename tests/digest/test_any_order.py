"""However requests are ordered and repeated, and wherever turns end: the same readings."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from digest.counter import Counter
from digest.otlp import SECOND, T, logs, span, traces

USERS = ["a", "b", "c"]


def requests() -> list[tuple[str, bytes]]:
    """Return spans of twelve traces, of which one span each names the user, and log records."""
    found: list[tuple[str, bytes]] = []
    for trace in range(1, 13):
        user = USERS[trace % 3]
        state = ["", "ot=th:0", f"ot=th:{2**56 - 2**56 // 3:014x}"][trace % 3]
        for n in range(3):
            own = {"user.id": user} if n == trace % 3 else {}
            found.append(
                (
                    "traces",
                    traces([span(10 * trace + n, own, trace=trace, state=state, took=n + SECOND)]),
                )
            )
        ticket = {"event": "support.ticket", "trace": trace, "time": T + trace,
                  "attributes": {"support.minutes": trace}}  # fmt: skip
        found.append(("logs", logs([ticket, ticket])))
    return found


REQUESTS = requests()


def counted(order: list[int], turns: set[int], kills: set[int]) -> list[tuple[Any, ...]]:
    """Count requests in an order, in turns, with kills between them; return what is shown."""
    with tempfile.TemporaryDirectory() as folder, Counter(Path(folder) / "store") as counter:
        for at, which in enumerate(order):
            signal, body = REQUESTS[which]
            counter.spool.put(signal, body)  # type: ignore[arg-type]
            if at in turns:
                counter.pass_time(0.5)
                counter.turn()
            if at in kills:
                counter.again()
        counter.finish()
        numbers = {counter.store.door.find("user", name): name for name in USERS}
        rows = counter.rows("time, meter, subject, level, operation, threshold")
        return sorted((numbers.get(row[2]), *row[:2], *row[3:]) for row in rows)


EXPECTED = counted(list(range(len(REQUESTS))), set(), set())


@given(
    st.permutations(range(len(REQUESTS))),
    st.lists(st.integers(0, len(REQUESTS) - 1), max_size=12),
    st.sets(st.integers(0, 59), max_size=6),
    st.sets(st.integers(0, 59), max_size=2),
)
@settings(max_examples=12, deadline=None)
def test_order_turns_repeats_and_kills_change_nothing(
    order: list[int], repeats: list[int], turns: set[int], kills: set[int]
) -> None:
    """Any order of requests, some sent again, turns and kills anywhere: the same readings."""
    assert counted([*order, *repeats], turns, kills) == EXPECTED


def test_what_is_expected() -> None:
    """All 36 spans and 24 log records are counted, and all are their trace's user's."""
    assert {row[0] for row in EXPECTED} == set(USERS)
    signals = {
        meter: sum(r[-2] for r in EXPECTED if r[2] == meter)
        for meter in ("requests", "support.minutes")
    }
    assert signals == {"requests": 36, "support.minutes": 24}
