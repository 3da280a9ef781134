"""The recipes of the Langevin, heat and RC circuit: regimes, periods, coherence resonance, ramps, heat."""

import jax

from benchmarks.cases.langevin import coherence, figures, heat, periods, pictures, ramps, regimes
from benchmarks.records import Recorder
from benchmarks.registry import Case


def run(size: str, record: Recorder) -> None:
    """R4.1 to R4.5, and their pictures."""
    jax.config.update("jax_enable_x64", True)
    found = pictures.Found(
        maps=regimes.run(record, size),
        cycles=periods.run(record, size),
        noises=coherence.run(record, size),
        loops=ramps.run(record, size),
        heats=heat.run(record, size),
    )
    pictures.write(record.path, found)


CASE = Case(
    name="langevin",
    run=run,
    baseline=figures.FIXED,
    suites=("langevin",),
    limit_s=1800.0,
)
