"""Whether fits that begin a decade apart end at one loss, or say on their page which other optima they met.

``python -m benchmarks.cases.device_fits.optima DIR`` runs this study alone, and goes on where it was stopped.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import fitting as ft
import memjax as mj
from benchmarks.cases.device_fits.alone import run_alone
from benchmarks.cases.device_fits.settings import DATA
from benchmarks.records import Recorder
from benchmarks.timing import Times
from fitting.sweeps.basins import speaks_of_optima
from fitting.sweeps.prepare import prepare
from fitting.sweeps.thinning import thin
from memjax.errors import MemjaxError

FACTORS = (1e-2, 1e-1, 1.0, 1e1, 1e2)
"""Starts over what the data suggest."""

CLOSE = 0.01
"""Share within which losses are the same."""

POINT_TIME = 0.01
"""Time of a point, where a file has none [s]."""

MODEL, NAME = "mms", "tau"
"""The model, and the parameter whose start is moved."""

FILES = (
    "clean/knowm_iv.csv",
    "clean/sto_nb_iv_old_device.csv",
    "clean/vo2_current_sweep_b1500.csv",
    "clean/vo2_iv_cycles.csv",
    "clean/vo2_iv_sweep.csv",
    "clean/usc_diffusive_dc_symmetric.csv",
    "clean/usc_diffusive_dc_asymmetric.csv",
    "clean/sto_nb_iv_timed.csv",
    "clean/umass_diffusive_relaxation_layer1.csv",
    "clean/usc_diffusive_pulse.csv",
    "clean/nottingham_switchbox_iv.csv",
    "raw/sto_nb_iv_old_device/p1V_m2V.dat",
    "raw/sto_nb_iv_old_device/p1V_m4V.dat",
    "raw/nottingham_switchbox_iv/11-FS-2.5v-0.05sv-0.05sd-Py-St_v1-3.txt",
    "raw/nottingham_switchbox_iv/19-FS-3.0v-0.05sv-0.05sd-Py-Chris_Devices-3-.txt",
    "raw/nottingham_switchbox_iv/3-FS-2.0v-0.05sv-0.05sd-Py-St_v2-.txt",
    "raw/nottingham_switchbox_iv/20-FS-2.8v-0.05sv-0.05sd-Py-St_v2-.txt",
    "raw/sdc_knowm_triangle/triangle150m150m1kp1.csv",
    "raw/sdc_knowm_triangle/triangle150m150m1kq1.csv",
    "clean/sdc_knowm_retention.csv",
)
"""Measured sweeps; of files of many sweeps that differ, the first one."""

SHUNT = {"sdc_knowm": 1e3}
"""Resistance of the shunt that is stated with a file [ohm], by the beginning of its folder."""

FIRST = ("sto_nb_iv_timed", "sdc_knowm_retention", "umass", "usc_diffusive_pulse", "nottingham")
"""Beginnings of names of files with a waveform of its own in each of many sweeps."""

SMOKE = FILES[:2]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Where the fits of a file ended.

    Parameters
    ----------
    file : str
        Path below the data.
    losses : list of float
        Of each start.
    names : list of bool
        Whether the page of each names another optimum, or says that one search alone reached its own.
    values : list of dict
        Parameters [SI].
    notes : list of list of str
        What the pages say of optima.
    seconds : float
        Time of all fits.
    failure : str
        Why there is none.
    """

    file: str
    losses: list[float]
    names: list[bool]
    values: list[dict[str, float]]
    notes: list[list[str]]
    seconds: float
    failure: str = ""

    @property
    def spread(self) -> float:
        """Share by which the largest loss exceeds the least."""
        return max(self.losses) / min(self.losses) - 1 if self.losses else np.nan

    @property
    def holds(self) -> bool:
        """Whether all losses agree, or every page of a fit above the least one names another optimum."""
        least = min(self.losses, default=np.nan)
        pairs = zip(self.losses, self.names, strict=True)
        return bool(self.losses) and all(x <= (1 + CLOSE) * least or named for x, named in pairs)


def measured(name: str) -> mj.Measurement:
    """Sweeps of a file as a fit takes them."""
    folder = Path(name).parts[1]
    shunt = next((x for n, x in SHUNT.items() if folder.startswith(n)), None)
    about: dict[str, Any] = {} if shunt is None or name.startswith("clean") else {"shunt": shunt}
    m = mj.read(DATA / name, **about)
    if folder.startswith(FIRST) and name.startswith("clean"):
        m = m.select(m.sweep == m.labels[0])
    return thin(m, None, point_time=POINT_TIME)


def ended(name: str) -> Ended:
    """Fits of a file from starts that lie decades apart."""
    begun, values, losses, names, notes = time.perf_counter(), [], [], [], []
    failure, device = "", mj.model(MODEL)
    try:
        m = measured(name)
        about: dict[str, Any] = {"point_time": POINT_TIME}
        options: dict[str, Any] = dict(
            bench=None, env=None, free=None, fix=None, seed=0, screened=1
        )
        first = prepare([m], device, **about, **options).problem.device
        middle = float(mj.params.get(first, NAME))
        for factor in FACTORS:
            fit = ft.solve(ft.SweepProblem(m, device, start={NAME: factor * middle}, **about))
            said = [n for n in fit.notes if speaks_of_optima(n)]
            losses.append(float(fit.loss))
            values.append({n: float(x) for n, x in fit.values.items()})
            names.append(bool(said))
            notes.append(said)
    except MemjaxError as error:
        failure = str(error)
    seconds = time.perf_counter() - begun
    whole: dict[str, Any] = dict(losses=losses, names=names, values=values, notes=notes)
    return Ended(file=name, **whole, seconds=seconds, failure=failure)


def run(size: str, record: Recorder) -> None:
    """All files, those left out that have been fitted before."""
    path = record.path.with_name("optima.json")
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    files = [f for f in (SMOKE if size == "smoke" else FILES) if (DATA / f).exists()]
    for name in files:
        if name not in {r["file"] for r in rows}:
            rows.append(vars(ended(name)))
            path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    ends = [Ended(**r) for r in rows if r["file"] in files]
    fitted = [e for e in ends if not e.failure]
    wrong = [f"{e.file}: {e.spread:.1%}" for e in fitted if not e.holds]
    record.ok(
        "starts a decade apart",
        Times(run=[e.seconds for e in fitted]),
        error=float(len(wrong)),
        tolerance=0.0,
        reference="files whose losses differ by more than a hundredth on a page that names no other optimum",
        problem="optima",
        n=len(fitted),
        dtype="float64",
        extra={
            "wrong": wrong,
            "spread": {e.file: e.spread for e in fitted},
            "refused": {e.file: e.failure for e in ends if e.failure},
        },
    )


def main(words: list[str]) -> int:
    """Run this study alone: a folder for its files, and the size."""
    run_alone("optima", run, words)
    return 0


if __name__ == "__main__":
    import jax

    from memjax.runtime.jax_setup import prepare_jax

    prepare_jax()
    jax.config.update("jax_enable_x64", True)
    sys.exit(main(sys.argv[1:]))
