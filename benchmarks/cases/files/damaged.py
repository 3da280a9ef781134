"""What memjax makes of damaged files: 500 variants of each format that it reads as text, and more.

``python -m benchmarks.cases.files.damaged [COUNT] [SEED]`` prints the table alone.
"""

import re
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cases.files.byte_damage import BYTE_DAMAGES
from benchmarks.cases.files.damage import DAMAGES, Variant
from benchmarks.cases.files.further_layouts import FURTHER
from benchmarks.cases.files.layouts import LAYOUTS as FIRST, Layout
from benchmarks.cases.files.outcomes import Result, report
from memjax.data import has_records, read, read_records
from memjax.errors import MemjaxError

OUTCOMES = ("right", "warned", "refused", "unseen", "digit", "exception", "silent")
"""The file's own numbers; others, with a warning; exit 2 in one line; rows missing that nothing in the file speaks of;
other digits in a number that goes with its row; a traceback; other numbers, rows or sweeps without a word."""

LAYOUTS = (*FIRST, *FURTHER)
EVERY = (*DAMAGES, *BYTE_DAMAGES)

_ARRAYS = ("v", "i", "t", "sweep", "g", "kinds", "cycles", "r", "times", "hrs", "lrs")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read: arrays by record and name, and warnings."""

    arrays: dict[str, np.ndarray]
    warnings: tuple[str, ...]


def reading(path: Path, layout: Layout) -> Reading:
    """What memjax reads of a file."""
    if not layout.options and has_records(path):
        records = list(read_records(path))
    else:
        records = [read(path, **layout.options)]
    arrays, remarks = {}, []
    for record in records:
        label = str(getattr(record, "device", getattr(record, "label", "")))
        label = "" if label == path.stem else label
        remarks += record.warnings
        for name in _ARRAYS:
            if (x := getattr(record, name, None)) is not None:
                arrays[f"{label}/{name}"] = np.asarray(x)
        if (p := getattr(record, "protocol", None)) is not None:
            numbers = [*p.voltages, *p.widths, p.period or 0.0, p.read_voltage]
            arrays[f"{label}/protocol"] = np.array(numbers)
    return Reading(arrays=arrays, warnings=tuple(remarks))


def _by_sweep(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays with the points of each sweep together: where they stand in a file says nothing."""
    if "/sweep" not in arrays:
        return arrays
    order = np.argsort(arrays["/sweep"], kind="stable")
    return {n: x[order] if len(x) == len(order) else x for n, x in arrays.items()}


def outcome(layout: Layout, whole: Reading, variant: Variant, path: Path) -> Result:
    """How the reading of a damaged file ends."""
    path.write_bytes(variant.data)
    about: dict = dict(name=layout.name, kind=variant.kind, data=variant.data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = reading(path, layout)
    except MemjaxError as error:
        one = len(error.lines) == 1 and "\n" not in error.lines[0]
        return Result(outcome="refused" if one else "exception", remarks=str(error), **about)
    except Exception:
        return Result(outcome="exception", remarks=traceback.format_exc(limit=-3), **about)
    expected = dict(whole.arrays)
    if variant.scale is not None:
        role, factor = variant.scale
        expected = {n: x * (factor if n.endswith("/" + role) else 1) for n, x in expected.items()}
    known = set(map(_words, whole.warnings))
    new = [w for w in got.warnings if _words(w) not in known]
    if _same(got.arrays, expected) or _same(_by_sweep(got.arrays), _by_sweep(expected)):
        how = "right"
    elif new:
        how = "warned"
    elif variant.at_row_end and not layout.states_length and _begins(expected, got.arrays):
        how = "unseen"
    elif variant.other_digits and _differing(got.arrays, expected) <= variant.other_digits:
        how = "digit"
    else:
        how = "silent"
    return Result(outcome=how, remarks="; ".join(new), **about)


def _words(text: str) -> str:
    """A warning without its numbers: counts may differ."""
    return re.sub(r"[-+.\d]+(e[-+]?\d+)?", "#", text)


def _same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(
        x.shape == b[n].shape and np.allclose(x, b[n], rtol=1e-14, atol=0, equal_nan=True)
        for n, x in a.items()
    )


def _differing(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """In how many points two readings of as many differ at most; infinity where they have not as many.

    Sweeps are left out: where the voltage is another one they may be cut elsewhere.
    """
    if a.keys() != b.keys() and len(a) == len(b):  # a label is another one
        a, b = ({f"{k}/{n.split('/')[1]}": x for k, (n, x) in enumerate(d.items())} for d in (a, b))
    if a.keys() != b.keys() or any(x.shape != b[n].shape for n, x in a.items()):
        return np.inf
    pairs = ((x, b[n]) for n, x in a.items() if not n.endswith("/sweep"))
    return max(
        float(np.count_nonzero(~np.isclose(x, y, rtol=1e-14, atol=0, equal_nan=True)))
        for x, y in pairs
    )


def _begins(whole: dict[str, np.ndarray], part: dict[str, np.ndarray]) -> bool:
    """Whether all numbers of the second one are the first numbers of the first one; sweeps may be cut otherwise."""
    return part.keys() <= whole.keys() and all(
        np.array_equal(x.ravel(), whole[n].ravel()[: x.size], equal_nan=True)
        for n, x in part.items()
        if not n.endswith("/sweep")
    )


def variants(layout: Layout, count: int, seed: int) -> Iterator[Variant]:
    """Damaged files, all kinds in turn."""
    rng = np.random.default_rng(seed)
    made, turn = 0, 0
    while made < count:
        variant = EVERY[turn % len(EVERY)](layout, rng)
        turn += 1
        if variant is not None:
            made += 1
            yield variant


def study(count: int, seed: int = 0, layouts=LAYOUTS) -> list[Result]:
    """Results of so many variants of each layout."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for make in layouts:
            layout = make()
            path = Path(folder) / f"file{layout.suffix}"
            path.write_text(layout.text(), encoding="utf-8", newline="")
            whole = reading(path, layout)
            for variant in variants(layout, count, seed):
                results.append(outcome(layout, whole, variant, path))
    return results


if __name__ == "__main__":
    sys.exit(report(study, OUTCOMES))
