"""Parts of expressions are written by the values that they take."""

import pytest

import memjax as mj
from memjax.export.equations import device_equations
from memjax.export.expression import evaluate, ordered
from memjax.export.text import _ranges


def test_a_range_holds_its_value_at_rest():
    """At rest is without a voltage, at the states of the start."""
    equations = device_equations(mj.MetastableSwitches(x0=0.3), noise=False)
    nodes = ordered(equations.outputs)
    ranges = _ranges(equations, nodes)
    row = {("param", n): x for n, x in equations.values.items()} | {("time", ""): 0.0}
    starts = evaluate(equations.graph, [u.start for u in equations.unknowns], row)
    row |= {("state", u.name): starts[u.start] for u in equations.unknowns}
    row |= {(n.op, n.name): 0.0 for n in nodes if n.op in ("voltage", "noise")}
    values = evaluate(equations.graph, list(ranges), row)
    assert any(r.least < r.rest_value < r.most for r in ranges.values())
    for node, found in ranges.items():
        assert found.rest_value == pytest.approx(values[node], rel=1e-12, abs=0)
        assert found.least <= found.rest_value <= found.most
