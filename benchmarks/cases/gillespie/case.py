"""N two-state switches event by event, as their chemical Langevin equation, and as the law that both should have."""

from collections.abc import Callable

import jax
import numpy as np

import memjax as mj
from benchmarks.cases.gillespie import counts as read, exact, pictures
from benchmarks.cases.gillespie.switches import FAST, ON, REST, ROWS, SLOW, device, drive
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, measure

EVENTS, LANGEVIN = "events", "langevin"

MEMBERS = {
    "smoke": {32: 100, 64: 100},  # one program for both
    "full": {4: 4000, 16: 4000, 64: 1500, 256: 500, 1024: 150, 4096: 40},
}
"""Members of each of two runs of the events, by the number of switches."""

LANGEVIN_MEMBERS = {"smoke": 1000, "full": 4000}
FED_BACK = {"smoke": (64,), "full": (4, 64, 1024)}

LARGE = 1024
"""Number of switches from which on mean and variance have to agree."""

Z = 4.0
"""Largest |z| that counts as agreement."""


def _policy(n: int, form: str) -> mj.Stiff:
    """Events do not depend on tolerances; the noise of many switches is small, and they have to lie below it."""
    fine = form == LANGEVIN and n >= LARGE
    return mj.Stiff(rtol=1e-4, atol=1e-5) if fine else mj.Stiff()


def _run(n: int, form: str, members: int, fed_back: bool) -> tuple[Times, np.ndarray, dict]:
    """Times of the second of two runs with different seeds, and the counts of both."""
    runs = []

    def once():
        trace = mj.simulate(
            device(n, form, fed_back=fed_back),
            drive(),
            policy=_policy(n, form),
            members=members,
            seed=1000 * n + len(runs),
            save=ROWS,
        )
        runs.append(trace)
        return trace.state["on"]

    times, _ = measure(once, repeats=1)
    on = np.concatenate([np.asarray(r.check().state["on"]) for r in runs])
    steps = [float(np.mean(r.accepted) + np.mean(r.rejected)) for r in runs]
    about = {"seeds": [1000 * n, 1000 * n + 1], "steps": float(np.mean(steps))}
    return times, on * n, about | {"member_s": times.run[0] / members, "switches": n}


def _largest(z: dict[str, list[float]]) -> float:
    """The largest of all |z|."""
    return float(np.max(np.abs([z["mean"], z["variance"]])))


def _independent(record: Recorder, n: int, form: str, members: int) -> None:
    """Switches that do not feel each other, against the binomial law."""
    times, found, about = _run(n, form, members, False)
    z = read.z_of_moments(found, n)
    record.ok(
        form,
        times,
        error=_largest(z),
        reference="binomial law: largest |z| of mean and variance over 9 times",
        tolerance=Z if form == EVENTS or n >= LARGE else None,
        problem=f"N = {n}, independent",
        n=members,
        dtype="float64",
        extra=about
        | {"z": z, "curves": read.curves(found), "members_in_all": len(found)}
        | {"rest": read.distance(found, n, REST), "on": read.distance(found, n, ON)}
        | {"passage": read.first_passage(found, n)},
    )


def _fed_back(record: Recorder, n: int, members: dict[str, int]) -> None:
    """Switches that heat each other: the two forms against each other."""
    runs = {form: _run(n, form, m, True) for form, m in members.items()}
    z = read.z_between(runs[LANGEVIN][1], runs[EVENTS][1])
    for form, (times, found, about) in runs.items():
        record.ok(
            form,
            times,
            error=_largest(z) if form == LANGEVIN else None,
            reference="events: largest |z| of the differences of mean and variance over 9 times",
            tolerance=Z if n >= LARGE else None,
            problem=f"N = {n}, volatility and heat",
            n=members[form],
            dtype="float64",
            extra=about | {"curves": read.curves(found), "members_in_all": len(found)} | {"z": z},
        )


def rare(n: int) -> dict[str, float]:
    """Log10 of the mean time [s] in which twice as many as usual are on at rest, by both equations; no simulation."""
    usual = round(n * SLOW / (SLOW + FAST))
    call: dict[str, Callable] = {EVENTS: exact.time_by_events, LANGEVIN: exact.time_by_langevin}
    return {k: float(f(n, usual, 2 * usual) / np.log(10)) for k, f in call.items()}


def _rare(record: Recorder, numbers: tuple[int, ...]) -> None:
    """Times of rare first passages, from integrals."""
    found = {n: rare(n) for n in numbers}
    record.write(
        "first passage, computed",
        status="ok",
        problem="mean time to twice the usual number at rest",
        extra={"log10_s": {k: [found[n][k] for n in numbers] for k in (EVENTS, LANGEVIN)}}
        | {"switches": list(numbers)},
    )


def run(size: str, record: Recorder) -> None:
    """Independent switches, switches with feedback, rare passages, the picture."""
    jax.config.update("jax_enable_x64", True)
    for n, members in MEMBERS[size].items():
        _independent(record, n, LANGEVIN, LANGEVIN_MEMBERS[size])
        _independent(record, n, EVENTS, members)
        if n in FED_BACK[size]:
            _fed_back(record, n, {LANGEVIN: LANGEVIN_MEMBERS[size], EVENTS: members})
    _rare(record, (20, 50, 100, 200, 500, 1000))
    pictures.write(record.path, record.run_id)


CASE = Case(name="gillespie", run=run, baseline=LANGEVIN, suites=("gillespie",), limit_s=1800.0)
