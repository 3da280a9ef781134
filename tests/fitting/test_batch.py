"""Many devices at once: truth, failures in their own rows, and a run that is killed and goes on."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from memjax.errors import DataError, OutputError

pytestmark = pytest.mark.slow

TIMES = np.linspace(0, 1.0, 101)
DRIVE = mj.Sampled(TIMES, 0.6 * np.sin(2 * np.pi * TIMES))
FREE = ["r_on", "r_off", "v_on", "v_off"]
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
    fix = {"tau": 1e-4, "x0": 0.0}  # a guess would scale them
    options = dict(out=out, free=FREE, fix=fix, chunk=CHUNK) | more
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
    assert all(r.failure == "" and r.reduced_chi2 < 2 for r in rows[: DEVICES + 1])


def test_a_device_that_cannot_be_read_has_its_reason_in_its_row(rows):
    assert rows[-1].values == {}
    assert "no column of current; in broken.csv" in rows[-1].failure


def test_a_device_alone_gets_the_numbers_that_it_gets_among_others(rows, wafer, tmp_path):
    (alone,) = run({"d5": wafer["d5"]}, tmp_path / "run")
    for n in FREE:
        assert alone.values[n] == pytest.approx(rows[5].values[n], rel=1e-6)


def test_a_run_that_is_interrupted_goes_on_and_ends_with_the_same_numbers(rows, wafer, tmp_path):
    seen = []

    def stop(done, total):
        seen.append((done, total))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(wafer, tmp_path / "run", tick=stop)
    assert seen == [(CHUNK + 1, len(wafer))]  # a chunk, and the device that cannot be read
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
    with pytest.raises(OutputError, match="other devices, options or versions"):
        run({"d0": wafer["d0"]}, tmp_path / "run", seed=1)
    with pytest.raises(OutputError, match="other devices, options or versions"):
        run({"d0": wafer["d1"]}, tmp_path / "run")
