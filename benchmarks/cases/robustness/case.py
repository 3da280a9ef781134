"""Every model at random parameter sets inside its bounds: finite or flagged, in both precisions."""

import jax
import numpy as np

import memjax as mj
from benchmarks.cases.robustness.checks import (
    Tally,
    noise_free,
    noise_free_distance,
    refused,
    reverse_mode,
    run_sets,
    solve_again,
    strengths,
)
from benchmarks.cases.robustness.sampling import Sets, draw_sets
from benchmarks.cases.robustness.solves import Program, is_random
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from memjax.device import AbstractDevice

SMOKE = ("diffusive", "vteam", "mms", "event-switches")
"""Models of the size "smoke"."""

SETS = {"smoke": 100, "full": 10_000}
BATCH = {"smoke": 50, "full": 250}
FEW = {"smoke": 0, "full": 250}
"""Sets whose gradient is taken in reverse mode too, and which are solved without noise."""

MAX_STEPS = 2_000
"""Of adaptive solves. Those that end there are solved again with as many as `memjax.Stiff` allows by itself, without
derivatives: most need few more, and in one batch all would wait for the few that need many.
"""

REFERENCE = "sets with what must never be (see extra.breaches)"
BASELINE = "fixed steps"


def programs(model: AbstractDevice) -> dict[str, tuple[bool, Program]]:
    """How sets are solved, by variant: whether in float64, and the program."""
    adaptive = Program(mj.Stiff(max_steps=MAX_STEPS), wide=not is_random(model))
    return {
        BASELINE: (False, Program(mj.Fixed(1.0))),
        "fixed steps, long": (False, Program(mj.Fixed(1.0), wide=True)),
        "adaptive": (True, adaptive),
    }


def _times(tally: Tally) -> Times:
    """Times of batches; of the first what it took longer is compilation."""
    rest = tally.laps[1:] or tally.laps
    return Times(run=rest, compile=max(tally.laps[0] - float(np.median(rest)), 0.0))


def _more(model: AbstractDevice, program: Program, few: Sets) -> dict:
    """Reverse mode and the limit without noise, on few sets."""
    found: dict = {"reverse": reverse_mode(model, program, few)}
    if strengths(model):
        same, moved = noise_free(model, program, few)
        distance = noise_free_distance(model, program, few)
        found["noise free"] = {"same bits": same, "noise acts": moved, "distance": distance}
    return found


def _flaws(tally: Tally, more: dict, *, long: bool, double: bool) -> int:
    """Sets with what must never be.

    Steps too long for the noise may lose the derivative, and reverse mode may overflow in float32:
    reported, not counted.
    """
    counted = sum(n for k, n in tally.broken.items() if not (long and k == "slopes"))
    limit = more.get("noise free", {"same bits": True})["same bits"]
    backward = more.get("reverse", {}).get("not finite", 0) if double else 0
    return counted + backward + (0 if limit else 1)


def measure_model(record: Recorder, name: str, *, sets: int, batch: int, few: int) -> None:
    """Records of one model, all variants."""
    model = mj.device_class(name)()
    for variant, (double, program) in programs(model).items():
        with jax.enable_x64(double):
            drawn = draw_sets(mj.device_class(name)(), sets)  # in the precision of the moment
            long = variant.endswith("long")
            tally = run_sets(model, program, drawn, batch=batch, points=not long)
            more = _more(model, program, drawn.part(0, few)) if few and not long else {}
            more["refused"] = int(np.sum(refused(drawn)))
            if tally.limited:
                more["again"] = solve_again(model, program, drawn, tally)
        record.ok(
            variant,
            _times(tally),
            error=float(_flaws(tally, more, long=long, double=double)),
            reference=REFERENCE,
            tolerance=0.0,
            problem=name,
            n=sets,
            dtype="float64" if double else "float32",
            extra=_extra(tally) | more,
        )


def _extra(tally: Tally) -> dict:
    """Counts for a record."""
    steps = np.percentile(tally.steps, (50, 100)).tolist()
    return {
        "failed": dict(tally.failed),
        "share failed": tally.share,
        "breaches": tally.broken,
        "runaway": tally.runaway,
        "steps": {"median": steps[0], "most": steps[1]},
    }


def run(size: str, record: Recorder) -> None:
    """All models, or a few of each kind."""
    jax.config.update("jax_enable_x64", True)
    for name in mj.device_names() if size == "full" else SMOKE:
        measure_model(record, name, sets=SETS[size], batch=BATCH[size], few=FEW[size])
        jax.clear_caches()  # programs of all models together hold more memory maps than Linux allows


CASE = Case(name="robustness", run=run, baseline=BASELINE, suites=("devices",), limit_s=7200.0)
