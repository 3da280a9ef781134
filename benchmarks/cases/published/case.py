"""Every number that others published, or computed from published equations, beside ours."""

import dataclasses

from benchmarks.cases.published import numbers
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap


def run(size: str, record: Recorder) -> None:
    """Compute the numbers, record each, and write published.md beside the records."""
    import jax

    from benchmarks.cases.published import devices, neurons

    jax.config.update("jax_enable_x64", True)
    parts = [devices.spice, devices.drift, devices.threshold, devices.folds]
    parts += [neurons.turn_on, neurons.plasticity, neurons.pulses]
    if size == "full":
        parts += [lambda: neurons.firing(size), lambda: neurons.intervals(size)]
    every = []
    for part in parts:
        seconds, rows = lap(part)
        every += rows
        for row in rows:
            _record(record, row, seconds)
    text = numbers.table(every)
    record.path.with_name("published.md").write_text(text, encoding="utf8")


def _record(record: Recorder, number: numbers.Number, seconds: float) -> None:
    """A number that is known to differ has no tolerance: its verdict says so, and it does not fail the run."""
    known = number.verdict == numbers.KNOWN
    record.ok(
        number.name,
        Times(run=[seconds]),
        error=abs(number.ours - number.published),
        reference=f"{number.published:g} {number.unit} [{number.mark}], {number.source}",
        tolerance=None if known else number.tolerance,
        problem="published numbers",
        dtype="float64",
        extra=dataclasses.asdict(number)
        | {"difference": number.difference, "verdict": number.verdict},
    )


CASE = Case(name="published", run=run, baseline="-", suites=("published",), limit_s=3600.0)
