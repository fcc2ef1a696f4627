"""The engine holds what it is given, and no more than a bill needs while one is read."""

from __future__ import annotations

from contextlib import closing

import pytest

from percapita.store.engine import Engine

_LIMIT = "SELECT parse_formatted_bytes(current_setting('memory_limit'))"


@pytest.mark.parametrize(
    ("threads", "memory", "held"),
    [(2, "8GiB", 1 << 30), (4, "8GiB", 3 << 29), (2, "64MiB", 1 << 26)],
)
def test_a_bounded_engine_holds_a_fixed_amount_a_thread(
    threads: int, memory: str, held: int
) -> None:
    """Whatever the machine has, the limit follows the threads, is never raised, and comes back."""
    with closing(Engine(threads=threads, memory=memory)) as engine:
        before = engine.value(_LIMIT)
        with engine.bounded():
            assert engine.value(_LIMIT) == min(held, before)
        assert engine.value(_LIMIT) == before
