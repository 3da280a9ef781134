"""The same fits by kernels in C and by XLA: how far their losses and values are apart."""

import os
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap

RAW = Path(os.environ.get("MEMJAX_DATA", "../shared/data")) / "raw"
FILES = {
    "demo": ("example:diffusive-sweeps", "diffusive", None),
    "reset": (RAW / "keithley_4200_rram/M12 02 reset.xlsx", "linear-drift", None),
    "set": (RAW / "keithley_4200_rram/M12 04 endurance set.xlsx", "vteam", (6, 7)),
    "both": (
        RAW / "sto_nb_iv_timed/Radius_100_um__003_AG_2020_03_12_DG01_1A_IV_probestation_2wire_back_grounded_"
        "p1V_m2V_10mVsteps.csv",
        "yakopcic",
        None,
    ),
}  # fmt: skip
"""Measured files, the model that is fitted, and which sweeps, if not all."""

LOSS, VALUES = 1e-6, 1e-4
"""Relative distance of losses, and distance of values in standard deviations, that count as the same fit."""


def _fit(source: str | Path, model: str, sweeps: tuple[int, ...] | None, backend: str):
    """A fit by one backend, with a fixed seed."""
    import fitting as ft
    import memjax as mj

    data = mj.read(source)
    if sweeps is not None:
        data = data.select(np.isin(data.sweep, sweeps))
    return ft.solve(ft.SweepProblem(data, mj.model(model)), seed=0, backend=backend)


def run(size: str, record: Recorder) -> None:
    """Fit each file by both backends; of a smoke run the smallest."""
    import jax

    jax.config.update("jax_enable_x64", True)
    for name in ["set"] if size == "smoke" else FILES:
        source, model, sweeps = FILES[name]
        if isinstance(source, Path) and not source.exists():
            record.write(name, status="skipped", reason=f"no file {source.name}")
            continue
        first, ours = lap(partial(_fit, source, model, sweeps, "cc"))
        second, theirs = lap(partial(_fit, source, model, sweeps, "xla"))
        distance = max(
            abs(x - theirs.values[n]) / ours.std[n]
            for n, x in ours.values.items()
            if np.isfinite(ours.std[n]) and ours.std[n] > 0
        )
        losses = float(ours.loss), float(theirs.loss)
        record.ok(
            name,
            Times(run=[first, second]),
            error=abs(losses[1] - losses[0]) / losses[0],
            reference=f"the loss by {ours.backend}, relative",
            tolerance=LOSS,
            problem=f"{model}, {name}",
            extra={"cc_s": first, "xla_s": second, "losses": losses, "values_std": distance}
            | {"same_values": distance <= VALUES},
        )


CASE = Case(name="backends", run=run, baseline="-", suites=("backends",), limit_s=7200.0)
