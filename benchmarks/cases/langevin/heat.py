"""R4.5: Joule heat acts as noise of the device's own making."""

import math

import numpy as np

from benchmarks.cases.langevin import coherence, ensembles, model
from benchmarks.cases.langevin.coherence import LONG, R_EXT, SMOKE, TAU, V_EXT
from benchmarks.cases.langevin.ensembles import RECIPE_TIME, Spiking, Window
from benchmarks.cases.langevin.figures import Figure
from benchmarks.records import Recorder
from benchmarks.timing import lap

NOISE = 0.005
TABLE = {
    math.inf: (6.99, 0.584, 1.00),
    10.0: (5.73, 0.494, 1.12),
    3.0: (4.40, 0.396, 1.39),
    1.0: (3.21, 0.230, 2.19),
}
"""Mean interval, its CV and mean temperature, by heat capacity."""


def at(heat_capacity: float, window: Window) -> Spiking:
    """The ensemble of one heat capacity."""
    drive, own = model.held(V_EXT, window.duration), model.device(NOISE, heat_capacity)
    bench = model.bench(R_EXT, TAU)
    return ensembles.run(own, bench, drive, window=window, policy=model.steps(), seed=100)


def _temperature(name: str, found: Spiking, reference: float, window: Window) -> Figure:
    """Mean temperature; the error of the recipe's is ours, for its one path."""
    share = window.total * (window.begin + window.follow) / RECIPE_TIME
    return Figure(
        name=f"{name}: mean temperature",
        value=found.temperature,
        se=found.temperature_se,
        reference=reference,
        reference_se=found.temperature_se * float(np.sqrt(share)),
        half_digit=0.005,
        n=window.total,
    )


def run(record: Recorder, size: str) -> dict[float, Spiking]:
    """All of R4.5 (in smoke the lightest device only); the ensembles by heat capacity."""
    found, window = {}, LONG if size == "full" else SMOKE
    for c in TABLE if size == "full" else (1.0,):
        seconds, found[c] = lap(lambda c=c: at(c, window))
        mean, cv, temperature = TABLE[c]
        name = f"R4.5 C_h = {c:g}"
        for figure in coherence.pair(name, found[c], mean, 0.01, cv, n=window.total):
            figure.tell(record, seconds)
        if math.isfinite(c):
            _temperature(name, found[c], temperature, window).tell(record, seconds)
    return found
