"""Set and reset voltages of a simulated loop beside those of the measured one."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from memjax.observables import LoopClosing, loop_closing

from ..verdict import Mark, graded
from .summary import Waveform

# Shares of the largest voltage by which set and reset, which are less sharp than switching, may be off: good, usable.
_CLOSING = (0.15, 0.3)
_DRAWS = 64  # loops drawn with noise, to know where their set voltages lie
_NEARLY_ALL = 0.95  # share of them: two standard errors, where they are normal


def closing_marks(
    waves: Sequence[Waveform],
    simulated: Float[np.ndarray, "waves points"],
    scatter: Callable[[Waveform], Float[np.ndarray, " points"]],
) -> list[Mark]:
    """Marks of set and reset, by medians of their voltages over the waveforms, beyond what scatter makes of them.

    `simulated` is log10 of the currents [decades], `scatter` the standard deviation of a single response of a sweep
    [decades], row by row.
    """
    voltages: dict[str, list[tuple[float, float, float, float]]] = {}
    for w, s in zip(waves, simulated, strict=True):
        single = scatter(w)
        for begin, _, end in w.legs:
            v, part = w.v[begin:end], slice(begin, end)
            here, there = (loop_closing(v, 10 ** x[part]) for x in (w.median_log(), s))
            if here is not None:
                most, error = float(np.max(np.abs(v))), w.closings.get(here.kind, 0.0)
                # One that is missing is off by all of its voltage.
                v_model = 0.0
                if there is not None and there.kind == here.kind:
                    v_model = there.v
                    if abs(v_model - here.v) > _CLOSING[0] * most:
                        error = max(error, _closing_error(v, s[part], single[part], there))
                row = here.v, v_model, error, most
                voltages.setdefault(here.kind, []).append(row)
    marks = []
    for kind, rows in voltages.items():
        here, there, error, most = np.median(rows, axis=0)
        text = f"{kind} at {there:.3g} V where {here:.3g} V was measured"
        marks.append(graded(max(abs(there - here) - error, 0.0) / most, _CLOSING, text))
    return marks


def _closing_error(
    v: Float[np.ndarray, " points"],
    simulated: Float[np.ndarray, " points"],
    scatter: Float[np.ndarray, " points"],
    closing: LoopClosing,
) -> float:
    """Distance [V] from a simulated set or reset voltage within which that of the loop with noise nearly always lies.

    Branches of a gradual device close over most of the loop: where they are half as far apart as anywhere is then a
    matter of noise.
    """
    noise = np.random.default_rng(0).normal(size=(_DRAWS, len(v))) * scatter
    drawn = [loop_closing(v, 10**x) for x in simulated + noise]
    off = [abs(c.v - closing.v) for c in drawn if c is not None and c.kind == closing.kind]
    return float(np.quantile(off, _NEARLY_ALL)) if off else 0.0
