"""Pools that serve pools: components and loops."""

from __future__ import annotations

from percapita.model.graph import components, edges, loop, reach
from percapita.model.load import loads
from percapita.model.spec import Model


def model_of(**served: str) -> Model:
    """Load a model of pools and what each serves; a pool that serves nothing has a driver."""
    pools = [
        f"  - pool: {name}\n    "
        + (f"through: {{pools: [{', '.join(to)}], by: x}}\n" if to else "by: x\n")
        for name, to in served.items()
    ]
    return loads(f"currency: USD\npools:\n{''.join(pools)}")


def test_components_are_the_loops() -> None:
    """Pools that lead to each other are one group; a chain is none."""
    model = model_of(a="b", b="ac", c="def", d="de", e="", f="d")

    assert components(model) == (("a", "b"), ("d",))


def test_reach_goes_all_the_way() -> None:
    """A pool reaches what its pools reach, and itself only in a loop."""
    found = reach(edges(model_of(a="b", b="c", c="bd", d="")))

    assert found["a"] == {"b", "c", "d"}
    assert found["b"] == {"b", "c", "d"}
    assert found["d"] == frozenset()


def test_loop_is_the_shortest() -> None:
    """The loop that is named is the shortest way back, in order."""
    assert loop(model_of(a="b", b="cd", c="d", d="ae", e=""), "a") == ("a", "b", "d", "a")
    assert loop(model_of(a="ab", b=""), "a") == ("a", "a")
