"""Many devices at once: truth, failures in their own rows, and a run that is killed and goes on."""

import numpy as np
import pytest

import fitting as ft
from memjax.errors import OutputError
from tests.fits import WAFER_DEVICES, WAFER_FIX, WAFER_FREE, WAFER_MODEL

pytestmark = pytest.mark.slow

CHUNK = 4


def run(wafer, out, *, seed=0, tick=None, **more):
    options = dict(out=out, free=WAFER_FREE, fix=WAFER_FIX, chunk=CHUNK) | more
    return ft.solve(ft.BatchProblem(wafer, WAFER_MODEL, **options), seed=seed, progress=tick)


@pytest.fixture(scope="module")
def rows(wafer, tmp_path_factory):
    return run(wafer, tmp_path_factory.mktemp("batch") / "run")


@pytest.mark.study
def test_every_device_has_a_row_and_the_truth_is_within_four_sigma(rows, wafer, truth):
    """Of 36 scores one is beyond 4 by chance once in 400 times."""
    assert [r.name for r in rows] == list(wafer)
    z = [
        (np.log(rows[k].values[n] / truth[n][k])) / (rows[k].std[n] / rows[k].values[n])
        for k in range(WAFER_DEVICES)
        for n in WAFER_FREE
        if n not in rows[k].undetermined
    ]
    assert len(z) >= 2 * WAFER_DEVICES
    assert np.max(np.abs(z)) < 4
    assert np.sqrt(np.mean(np.square(z))) == pytest.approx(1, abs=4 / np.sqrt(2 * len(z)))
    assert all(r.failure == "" for r in rows[: WAFER_DEVICES + 1])
    # Of 1 % of noise where 0.03 decades are granted; the short sweep has two rows on the other branch.
    expected = (0.01 / np.log(10) / 0.03) ** 2
    found = np.array([r.reduced_chi2 for r in rows[:WAFER_DEVICES]]) / expected
    assert np.all(np.abs(found - 1) < 4 * np.sqrt(2 / 96))


@pytest.mark.study
def test_a_single_fit_finds_the_same_within_a_hundredth_of_sigma(rows, wafer):
    single = ft.solve(ft.SweepProblem(wafer["d3"], WAFER_MODEL, free=WAFER_FREE, fix=WAFER_FIX))
    for n in WAFER_FREE:
        assert abs(single.values[n] - rows[3].values[n]) < 0.01 * rows[3].std[n]


@pytest.mark.study
def test_where_the_model_is_granted_the_noise_chi_squared_and_deviations_are_those_of_textbooks(
    wafer, truth, tmp_path
):
    some = {f"d{k}": wafer[f"d{k}"] for k in range(CHUNK)}
    rows = run(some, tmp_path / "run", model_sigma=0.01 / np.log(10))
    z = [
        np.log(r.values[n] / truth[n][k]) / (r.std[n] / r.values[n])
        for k, r in enumerate(rows)
        for n in WAFER_FREE
    ]
    assert np.max(np.abs(z)) < 4  # of 16: by chance once in a thousand
    # 96 degrees of freedom: four standard deviations.
    assert all(abs(r.reduced_chi2 - 1) < 4 * np.sqrt(2 / 96) for r in rows)


@pytest.mark.study
def test_a_device_that_cannot_be_read_has_its_reason_in_its_row(rows):
    assert rows[-1].values == {}
    assert "no column of current; in broken.csv" in rows[-1].failure


@pytest.mark.study
def test_a_device_alone_gets_the_numbers_that_it_gets_among_others(rows, wafer, tmp_path):
    (alone,) = run({"d5": wafer["d5"]}, tmp_path / "run")
    for n in WAFER_FREE:
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
