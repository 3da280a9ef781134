"""Tangents as sums over what they are linear in: rows of a Jacobian, which the numbers of a step alone make.

What a step does to tangents is, but for bounds, linear and the same for all directions. Where a stretch of it hands on
few numbers, reverse accumulation makes their rows once for each step, of several systems side by side, and along a
direction one product for each of their entries is left.
"""

import collections
import itertools
from collections.abc import Callable, Mapping, Sequence

from .translation import (
    LANE,
    STEP,
    Atom,
    Constant,
    Name,
    Operation,
    Translation,
    choice_of,
    product_of,
    sum_of,
)

_CHAINS = 4
"""Sums of products that are made beside each other: in one, each addition would wait for the one before."""

_CUTS = 100
"""Places at the most where a stretch may end."""

_WORK = 4.0
"""Operations of reverse accumulation for each operation and row, about, where half of the systems have ended."""

Share = Callable[[Translation, Atom, Atom], Atom]
"""Of a factor of an operation's result, what comes of it to a factor of an operand that is known so far."""

Parts = Mapping[Name, "list[tuple[Atom, Share]] | None"]
"""By the name of an operation's result what of it is each operand's that a lane has; None where it is not linear."""


def as_rows(t: Translation, results: Sequence[Atom], directions: int) -> list[Atom]:
    """The same results, with stretches of their operations as rows where these take less time.

    Parameters
    ----------
    t : Translation
        Where operations are added.
    results : sequence of Atom
        What a lane needs.
    directions : int
        Along how many it is computed; numbers of a step are computed once, for as many systems as a vector has places
        of directions.
    """
    operations = [o for o in t.used(results) if o.name.level == STEP | LANE]
    parts: Parts = {o.name: _linear_parts(o) for o in operations}
    last = {x: k for k, o in enumerate(operations) for x in o.operands if isinstance(x, Name)}
    last |= {x: len(operations) for x in results if isinstance(x, Name)}
    written: dict[Atom, Atom] = {}
    for a, b, are_sums in _stretches(operations, parts, last, directions):
        some = operations[a:b]
        if are_sums:
            ends = [o.name for o in some if last[o.name] >= b]
            _write_sums(t, some, parts, ends, written)
            continue
        for o in some:
            operands = [written.get(x, x) for x in o.operands]
            written[o.name] = t.add(o.name.kind, o.template, *operands)
    return [written.get(x, x) for x in results]


def _write_sums(
    t: Translation,
    operations: Sequence[Operation],
    parts: Parts,
    ends: Sequence[Name],
    written: dict[Atom, Atom],
) -> None:
    """Add what ends a stretch as sums; what is not linear in it stays an operation, on such sums."""
    zero, one = (Constant(t.real, x) for x in (0.0, 1.0))
    inside = {o.name for o in operations}

    def as_sum(x: Atom) -> Atom:
        if not isinstance(x, Name) or x not in inside or parts[x] is None:
            return written.get(x, x)
        factors, columns = dict[Atom, Atom]({x: one}), dict[Atom, Atom]()
        for o in reversed(operations):
            factor = factors.pop(o.name, zero)
            if factor == zero:
                continue
            linear = parts[o.name]
            if linear is None:
                columns[o.name] = factor
                continue
            for operand, share in linear:
                factors[operand] = share(t, factor, factors.get(operand, zero))
        return _sum(t, [(f, written.get(c, c)) for c, f in (columns | factors).items()])

    for o in operations:
        if parts[o.name] is None:
            written[o.name] = t.add(o.name.kind, o.template, *map(as_sum, o.operands))
    written |= {x: as_sum(x) for x in ends}


def _stretches(
    operations: Sequence[Operation], parts: Parts, last: Mapping[Name, int], directions: int
) -> list[tuple[int, int, bool]]:
    """Stretches that take the least time, about: their first operations, those behind them, whether they are sums."""
    count = len(operations)
    # Numbers that are handed on at each place: a number is from behind its operation to its last use.
    changes = collections.Counter(range(1, count + 1))
    changes.subtract(last[o.name] + 1 for o in operations)
    live = list(itertools.accumulate(changes[k] for k in range(count + 1)))
    cuts = _narrowest(live)
    best: dict[int, tuple[float, int, bool]] = {0: (0.0, 0, False)}
    for n, b in enumerate(cuts[1:], 1):
        choices, rows, columns, k = [], 0, set[Atom](), b
        for a in reversed(cuts[:n]):
            while k > a:
                k -= 1
                name = operations[k].name
                columns.discard(name)
                columns.update(x for x in operations[k].operands if _is_lane(x))
                rows += last[name] >= b or parts[name] is None
            sums = rows * (_WORK * (b - a) + len(columns) * directions)
            plain = (b - a) * directions
            choices.append((best[a][0] + min(sums, plain), a, sums < plain))
        best[b] = min(choices)
    stretches, b = list[tuple[int, int, bool]](), count
    while b:
        _, a, are_sums = best[b]
        stretches.append((a, b, are_sums))
        b = a
    return stretches[::-1]


def _narrowest(live: Sequence[int]) -> list[int]:
    """Places where the fewest numbers are handed on, in order, both ends among them."""
    near = max(len(live) // _CUTS, 1)
    places = [
        min(range(k, min(k + near, len(live))), key=lambda x: (live[x], x))
        for k in range(0, len(live), near)
    ]
    return sorted({0, *places, len(live) - 1})


def _linear_parts(o: Operation) -> list[tuple[Atom, Share]] | None:
    """What of a linear operation is each operand's that a lane has; None of others."""
    if o.name.kind not in "fd":
        return None
    x, *others = o.operands
    y, z = [*others, None, None][:2]
    if o.template == "{} ? {} : {}" and not _is_lane(x):
        pairs = [(y, _chosen(x, True)), (z, _chosen(x, False))]
    elif o.template in ("{} + {}", "{} - {}"):
        pairs = [(x, sum_of), (y, _minus if "-" in o.template else sum_of)]
    elif o.template == "-{}":
        pairs = [(x, _minus)]
    elif o.template in ("{} * {}", *_FUSED) and _is_lane(x) != _is_lane(y):
        tangent, factor = (x, y) if _is_lane(x) else (y, x)
        pairs = [(tangent, _product(factor, -1 if o.template.startswith("FMA(-") else 1))]
        if z is not None:
            pairs.append((z, _minus if o.template.endswith("-{})") else sum_of))
    else:
        return None
    pairs = [(x, f) for x, f in pairs if x != Constant(o.name.kind, 0.0)]
    return pairs if all(_is_lane(x) for x, _ in pairs) else None


_FUSED = ("FMA({}, {}, {})", "FMA(-{}, {}, {})", "FMA({}, {}, -{})")


def _is_lane(x: Atom | None) -> bool:
    return isinstance(x, Name) and bool(x.level & LANE)


def _minus(t: Translation, factor: Atom, known: Atom) -> Atom:
    return sum_of(t, known, factor, -1)


def _product(other: Atom, sign: int) -> Share:
    """The share of one of two factors, where the other is a number of the step."""

    def share(t: Translation, factor: Atom, known: Atom) -> Atom:
        product = product_of(t, factor, other)
        factors = t.factors(product)
        if factors is None or known == Constant(known.kind, 0.0):
            return sum_of(t, known, product, sign)
        return t.add(known.kind, _FUSED[sign < 0], *factors, known)

    return share


def _chosen(which: Atom, wanted: bool) -> Share:
    """The share of one of two numbers between which the step chooses."""

    def share(t: Translation, factor: Atom, known: Atom) -> Atom:
        zero = Constant(factor.kind, 0.0)
        return sum_of(
            t, known, choice_of(t, which, *((zero, factor) if wanted else (factor, zero)))
        )

    return share


def _sum(t: Translation, terms: Sequence[tuple[Atom, Atom]]) -> Atom:
    """The sum of products."""
    chains = min(_CHAINS, max(len(terms) // 2, 1))
    total: Atom = Constant(t.real, 0.0)
    for k in range(chains):
        part: Atom = Constant(t.real, 0.0)
        for factor, x in terms[k::chains]:
            part = sum_of(t, part, product_of(t, factor, x))
        total = sum_of(t, total, part)
    return total
