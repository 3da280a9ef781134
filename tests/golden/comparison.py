"""What differs between a stored summary and one of now."""

import re
from collections.abc import Iterator
from typing import Any

RELATIVE = 1e-3
"""Numbers may differ by this share: searches end where the loss falls by no more, and compilers round differently."""

SHARE = 0.05
"""Estimates and the ends of their intervals may differ by this share of their standard deviation, if that is more.

A search ends anywhere within such a distance of the optimum, where chi squared is higher by 0.05**2 = 0.0025: no data
could tell the two apart, and no statement of a fit changes.
"""

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\w)")


def differences(before: Any, now: Any) -> list[str]:
    """Lines ``PATH: BEFORE -> NOW``, one for each place that differs."""
    return list(_walk(before, now, "", 0.0, {}))


def _walk(before: Any, now: Any, path: str, slack: float, std: dict[str, float]) -> Iterator[str]:
    """Compare two parts.

    `slack` is what floats may differ by at least, `std` has the standard deviations of the fit by parameter.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        yield from _of_dicts(before, now, path, slack, std)
    elif isinstance(before, list) and isinstance(now, list):
        yield from _of_lists(before, now, path, slack, std)
    elif _is_float(before, now):
        if abs(before - now) > max(slack, RELATIVE * abs(before)):
            yield f"{path}: {before!r} -> {now!r}"
    elif isinstance(before, str) and isinstance(now, str):
        if not _reads_alike(before, now):
            yield f"{path}: {before!r} -> {now!r}"
    elif type(before) is not type(now) or before != now:
        yield f"{path}: {_short(before)} -> {_short(now)}"


def _is_float(before: Any, now: Any) -> bool:
    """Whether both are numbers, and at least one of them not an integer."""
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (before, now))
    return numbers and (isinstance(before, float) or isinstance(now, float))


def _of_dicts(before: dict, now: dict, path: str, slack: float, std: dict) -> Iterator[str]:
    std = std | _deviations(before.get("parameters"))
    for name in sorted({*before, *now}):
        place = f"{path}/{name}"
        if name not in now:
            yield f"{place}: {_short(before[name])} -> nothing"
        elif name not in before:
            yield f"{place}: nothing -> {_short(now[name])}"
        else:
            limit = max(slack, _slack(before, name, path, std))
            yield from _walk(before[name], now[name], place, limit, std)


def _deviations(parameters: Any) -> dict[str, float]:
    """Standard deviations by name, of the parameters of a fit."""
    if not isinstance(parameters, dict):
        return {}
    rows = {n: p.get("std") for n, p in parameters.items() if isinstance(p, dict)}
    return {n: x for n, x in rows.items() if isinstance(x, float)}


def _slack(parent: dict, name: str, path: str, std: dict[str, float]) -> float:
    """What a number under this name may differ by at least.

    A sum of numbers of both signs is compared with the sum of their sizes, an estimate with its standard deviation.
    """
    if name == "sum" and "size" in parent:
        return RELATIVE * parent["size"]
    if name in ("value", "interval_90") and isinstance(parent.get("std"), float):
        return SHARE * parent["std"]
    if path.endswith("/intervals"):
        return SHARE * std.get(name, 0.0)
    return 0.0


def _of_lists(before: list, now: list, path: str, slack: float, std: dict) -> Iterator[str]:
    if len(before) != len(now):
        gone, new = [x for x in before if x not in now], [x for x in now if x not in before]
        yield f"{path}: {len(before)} entries -> {len(now)}; gone {_short(gone)}, new {_short(new)}"
        return
    # The entries of a list have one unit: small ones are compared with the largest.
    sizes = [abs(x) for x in before if isinstance(x, float)]
    slack = max(slack, RELATIVE * max(sizes, default=0.0))
    for k, (x, y) in enumerate(zip(before, now, strict=True)):
        yield from _walk(x, y, f"{path}[{k}]", slack, std)


def _reads_alike(before: str, now: str) -> bool:
    """Whether two texts have the same words and integers, and decimals that differ by one unit of the last digit."""
    if before == now:
        return True
    if _NUMBER.sub("#", before) != _NUMBER.sub("#", now):
        return False
    return all(map(_is_near, _NUMBER.findall(before), _NUMBER.findall(now)))


def _is_near(before: str, now: str) -> bool:
    if before == now:
        return True
    if not set(".e") & {*before, *now}:
        return False
    mantissa, _, power = before.partition("e")
    digit = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
    return abs(float(before) - float(now)) <= max(1.01 * digit, RELATIVE * abs(float(before)))


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 200 else text[:197] + "..."
