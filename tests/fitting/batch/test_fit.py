"""Many devices at once: truth, failures in their own rows, and a run that is killed and goes on."""

import threading

import jax
import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.batch.grid_solver import FINE, GridSolver
from fitting.batch.search import Search, searched
from fitting.problem import linearise, stacked
from fitting.sweeps.fit import prepare
from memjax.errors import DataError, OutputError

pytestmark = pytest.mark.slow

TIMES = np.linspace(0, 1.0, 101)
DRIVE = mj.Sampled(TIMES, 0.6 * np.sin(2 * np.pi * TIMES))
FREE = ["r_on", "r_off", "v_on", "v_off"]
FIX = {"tau": 1e-4, "x0": 0.0}  # a guess would scale them
DEVICES, CHUNK = 9, 4
MODEL = mj.MetastableSwitches()


@pytest.fixture(scope="module")
def truth():
    """Resistances and voltages of a small wafer."""
    rng = np.random.default_rng(0)
    middle = {"r_on": 500.0, "r_off": 5e3, "v_on": 0.27, "v_off": 0.27}
    return {n: x * np.exp(0.1 * rng.normal(size=DEVICES)) for n, x in middle.items()}


@pytest.fixture(scope="module")
def wafer(truth):
    """A sweep of each device with 1 % of noise; one that cannot be read, one of another length, one without data."""
    values = {n: x[:, None] for n, x in truth.items()}
    options = dict(save=TIMES, members=DEVICES, values=values)
    trace = mj.simulate(MODEL, DRIVE, deterministic=True, **options).check()
    rng = np.random.default_rng(1)

    def measured(i, t, v):
        limited, sweep = np.zeros(len(i), bool), np.zeros(len(i), int)
        i = i * np.exp(0.01 * rng.normal(size=len(i)))
        return [
            mj.Measurement(t=t, v=v, i=i, sweep=sweep, at_compliance=limited, reader="", source={})
        ]

    # From the row at time 0 on: a measurement's time starts with its first row.
    v, i = np.asarray(DRIVE.values), np.asarray(trace.i)
    found: dict = {f"d{k}": measured(i[k], TIMES, v) for k in range(DEVICES)}
    found["short"] = measured(i[0][:80], TIMES[:80], v[:80])

    def broken():
        raise DataError("no column of current", where="broken.csv")

    return found | {"broken": broken}


def run(wafer, out, **more):
    options = dict(out=out, free=FREE, fix=FIX, chunk=CHUNK) | more
    return ft.fit_batch(wafer, MODEL, **options)


@pytest.fixture(scope="module")
def rows(wafer, tmp_path_factory):
    return run(wafer, tmp_path_factory.mktemp("batch") / "run")


def test_every_device_has_a_row_and_the_truth_is_within_four_sigma(rows, wafer, truth):
    """Of 36 scores one is beyond 4 by chance once in 400 times."""
    assert [r.name for r in rows] == list(wafer)
    z = [
        (np.log(rows[k].values[n] / truth[n][k])) / (rows[k].std[n] / rows[k].values[n])
        for k in range(DEVICES)
        for n in FREE
        if n not in rows[k].undetermined
    ]
    assert len(z) >= 2 * DEVICES
    assert np.max(np.abs(z)) < 4
    assert np.sqrt(np.mean(np.square(z))) == pytest.approx(1, abs=4 / np.sqrt(2 * len(z)))
    assert all(r.failure == "" for r in rows[: DEVICES + 1])
    # Of 1 % of noise where 0.03 decades are granted; the short sweep has two rows on the other branch.
    expected = (0.01 / np.log(10) / 0.03) ** 2
    found = np.array([r.reduced_chi2 for r in rows[:DEVICES]]) / expected
    assert np.all(np.abs(found - 1) < 4 * np.sqrt(2 / 96))


def test_grids_give_the_residuals_and_slopes_of_the_adaptive_solver(wafer):
    options = dict(bench=None, env=None, point_time=None, free=FREE, fix=FIX, model_sigma=0.3)
    made = [prepare(wafer[f"d{k}"], MODEL, **options, seed=0, screened=8) for k in range(CHUNK)]
    jobs = np.arange(2 * CHUNK)
    z = np.concatenate([m.candidates[:2] for m in made])
    solver = GridSolver(stacked([m.problem for m in made]), jobs // 2)
    solver.rtol = FINE
    r, jacobian, ok = solver.linearise(z, jobs)
    exact, well = solver.adaptive(z, jobs)
    step = 1e-4
    for k in range(len(FREE)):
        move = step * np.eye(len(FREE))[k]
        ahead, behind = (solver.residuals(z + s * move, jobs) for s in (1, -1))
        slope = (ahead - behind) / (2 * step)
        # Central differences: of the square of the step, and of the tolerance where a grid has changed.
        assert np.max(np.abs(slope - jacobian[:, :, k])) < 1e-2 * np.max(np.abs(jacobian))
    assert np.all(ok & well)
    # A thousandth of the 0.3 decades that a residual of 1 stands for.
    assert np.max(np.abs(r - exact)) < 1e-3


@pytest.mark.study
def test_slopes_across_a_switching_that_no_grid_resolves_are_those_of_the_adaptive_solver():
    """The gap closes in microseconds between rows of 10 ms; on grids, slopes by mu behind that are off by a fifth."""
    v = 0.45 * (1 - np.abs(np.linspace(-1, 1, 121)))
    t, bench = 0.01 * np.arange(121), mj.Bench(compliance=1e-6)
    device = mj.params.replace(
        mj.DiffusiveMemristor(), {"alpha": 0.06, "r_on": 1.8e5, "mu": 80.0, "r_off": 4e10}
    )
    trace = mj.simulate(device, mj.Sampled(t, v), save=t, bench=bench, deterministic=True).check()
    i = np.asarray(trace.i[0])
    assert i.max() > 0.9e-6  # it switches
    limited, same = i > 0.98e-6, np.zeros(121, int)
    sweep = mj.Measurement(t=t, v=v, i=i, sweep=same, at_compliance=limited, reader="", source={})
    free = ["mu", "r_off"]
    fix = {n: x for n, x in mj.params.to_dict(device).items() if n not in free}
    options = dict(bench=bench, env=None, point_time=None, free=free, fix=fix, seed=0)
    made = prepare([sweep], device, screened=1, **options)
    search = Search(chunk=1, screened=1, starts=1, seed=0)
    ((z, r, jacobian),) = searched([made], search, threading.Event())
    assert np.mean(r**2) < 0.1  # of what is granted to the model
    _, exact, ok = jax.jit(linearise)(made.problem, z)
    assert ok
    # But for the row of the switching itself: it lies within one step of the solve, whose slope is rough.
    later = np.arange(len(r)) != len(t)
    assert np.max(np.abs(jacobian - exact)[later]) < 0.03 * np.max(np.abs(exact)[later])


@pytest.mark.study
def test_what_the_adaptive_solver_finds_alone_is_the_same_within_a_hundredth_of_sigma(
    rows, wafer, tmp_path
):
    (slow,) = run({"d3": wafer["d3"]}, tmp_path / "run", grids=False)
    for n in FREE:
        assert abs(slow.values[n] - rows[3].values[n]) < 0.01 * rows[3].std[n]


def test_where_the_model_is_granted_the_noise_chi_squared_and_deviations_are_those_of_textbooks(
    wafer, truth, tmp_path
):
    some = {f"d{k}": wafer[f"d{k}"] for k in range(CHUNK)}
    rows = run(some, tmp_path / "run", model_sigma=0.01 / np.log(10))
    z = [
        np.log(r.values[n] / truth[n][k]) / (r.std[n] / r.values[n])
        for k, r in enumerate(rows)
        for n in FREE
    ]
    assert np.max(np.abs(z)) < 4  # of 16: by chance once in a thousand
    # 96 degrees of freedom: four standard deviations.
    assert all(abs(r.reduced_chi2 - 1) < 4 * np.sqrt(2 / 96) for r in rows)


def test_a_device_that_cannot_be_read_has_its_reason_in_its_row(rows):
    assert rows[-1].values == {}
    assert "no column of current; in broken.csv" in rows[-1].failure


def test_a_device_alone_gets_the_numbers_that_it_gets_among_others(rows, wafer, tmp_path):
    (alone,) = run({"d5": wafer["d5"]}, tmp_path / "run")
    for n in FREE:
        assert alone.values[n] == pytest.approx(rows[5].values[n], rel=1e-6)


def test_a_run_that_is_interrupted_goes_on_and_ends_with_the_same_numbers(rows, wafer, tmp_path):
    seen = []

    def stop(done, total, fresh):
        assert fresh
        seen.append((done, total))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(wafer, tmp_path / "run", tick=stop)
    assert seen == [(CHUNK, len(wafer))]
    kept = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "run").glob("chunk-*.json")}
    assert len(kept) == 1
    (tmp_path / "run" / ".chunk-00001.json.1").write_text(
        "{ torn"
    )  # a kill in the midst of writing
    again = run(wafer, tmp_path / "run")
    assert again == rows
    assert all((tmp_path / "run" / n).stat().st_mtime_ns == t for n, t in kept.items())


def test_a_folder_of_another_run_is_refused(rows, wafer, tmp_path):
    run({"d0": wafer["d0"]}, tmp_path / "run")
    with pytest.raises(OutputError, match="other devices, data, options or versions"):
        run({"d0": wafer["d0"]}, tmp_path / "run", seed=1)
    with pytest.raises(OutputError, match="other devices, data, options or versions"):
        run({"d0": wafer["d1"]}, tmp_path / "run")
