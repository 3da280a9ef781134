"""Measured sets of devices that keep their state and of VO2, and what of each is fitted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

import memjax as mj
from benchmarks.cases.device_fits.settings import DATA
from fitting.sweeps.thinning import thin
from memjax.data import interleave_matching


@dataclass(frozen=True, kw_only=True)
class Set:
    """A measured set of one device.

    Parameters
    ----------
    files : tuple of str
        Files in the folder of the data.
    point_time : float, optional
        Time of a point where the files have none [s].
    shunt : float, optional
        Resistance across which the current was measured [ohm].
    sweeps : (int, int), optional
        First and last sweep of those that are taken.
    points : int, optional
        Points of a sweep at the most.
    free_bench : tuple of str
        What of the instrument is fitted, where its source or its currents say that it has such.
    consecutive : bool
        Whether the files are sweeps of one device, one after the other, each from where the one before has left it.
    """

    files: tuple[str, ...]
    point_time: float | None = None
    shunt: float | None = None
    sweeps: tuple[int, int] | None = None
    points: int | None = None
    free_bench: tuple[str, ...] = ()
    consecutive: bool = False

    def read(self) -> list[mj.Measurement]:
        """The measurements, thinned."""
        read = [mj.read(DATA / f, shunt=self.shunt, point_time=self.point_time) for f in self.files]
        if self.sweeps is not None:
            first, last = self.sweeps
            read = [m.select((m.sweep >= first) & (m.sweep <= last)) for m in read]
        read = [thin(m, self.points, point_time=self.point_time) for m in interleave_matching(read)]
        return [_joined(read)] if self.consecutive else read


def _joined(recordings: Sequence[mj.Measurement]) -> mj.Measurement:
    """Recordings of a sweep each as one, in their order."""
    columns = {n: np.concatenate([getattr(m, n) for m in recordings]) for n in _COLUMNS}
    label = np.repeat(np.arange(len(recordings)), [len(m.v) for m in recordings])
    return replace(recordings[0], sweep=label, **columns)


_COLUMNS = ("v", "i", "t", "at_compliance")


def _switchbox(name: str, *free_bench: str) -> Set:
    """A device of the switchbox; some files have times that are of no use."""
    file = f"raw/nottingham_switchbox_iv/{name}.txt"
    return Set(files=(file,), point_time=0.106, free_bench=free_bench)


_RADIUS = "Radius_10_um__0{}_AG_2020_03_12_DG01_3A_IV_probestation_2wire_back_grounded_p1V_m{}V_10mVsteps.csv"

SETS = {
    "knowm_iv": Set(files=("clean/knowm_iv.csv",), point_time=0.01),
    "sto_nb_iv_old_device": Set(files=("clean/sto_nb_iv_old_device.csv",)),
    "sto_nb_iv_timed": Set(
        files=tuple(
            f"raw/sto_nb_iv_timed/{_RADIUS.format(*x)}" for x in ((35, 2), (36, 3), (37, 4))
        ),
        points=160,
        free_bench=("offset_current",),
        consecutive=True,
    ),
    "vo2_iv_cycles": Set(files=("clean/vo2_iv_cycles.csv",), point_time=0.01),
    "keithley_4200_rram": Set(
        files=tuple(f"raw/keithley_4200_rram/M12 04 endurance {x}.xlsx" for x in ("set", "reset")),
        points=80,
    ),
    "sdc_knowm_triangle": Set(
        files=("raw/sdc_knowm_triangle/triangle150m150m1kp1.csv",),
        shunt=1e3,
        sweeps=(50, 55),
        points=90,
        free_bench=("offset_current",),
    ),
    "switchbox 10": _switchbox("10-FS-1.5v-0.05sv-0.05sd-Py-St_v2-"),
    "switchbox 11": _switchbox("11-FS-2.5v-0.05sv-0.05sd-Py-St_v1-3"),
    "switchbox 17": _switchbox("17-FS-0.3v-0.05sv-0.05sd-Py-Chris_Devices-3-"),
    "switchbox 19": _switchbox("19-FS-3.0v-0.05sv-0.05sd-Py-Chris_Devices-3-"),
    "switchbox 19-1": _switchbox(
        "19-FS-3.0v-0.05sv-0.05sd-Py-Chris_Devices-3-1", "parallel_capacitance"
    ),
    "switchbox 20": _switchbox("20-FS-2.8v-0.05sv-0.05sd-Py-St_v2-"),
    "switchbox 3": _switchbox("3-FS-2.0v-0.05sv-0.05sd-Py-St_v2-"),
    "switchbox 31": _switchbox("31-FS-2.5v-0.05sv-0.05sd-Py-St_v1-5-2"),
}
"""Sets by name; each device of the switchbox is one."""

SCREENED = {"smoke": 8, "full": 64}
"""Starts of a search."""

NEAR_ZERO = 0.02
"""Share of the largest voltage below which a point says nothing of a cycle."""


def cycle_scatter(fitted: Sequence[mj.Measurement], unseen: Sequence[mj.Measurement]) -> float:
    """Standard deviation of a cycle from another one [decades], of sweeps of as many points; NaN where none are alike.

    That of the difference between an unseen sweep and the fitted one before it, over the root of two.
    """
    squares = []
    for m in unseen:
        for label in m.labels:
            sweep = m.select(m.sweep == label)
            for other in _before(fitted, int(label), len(sweep.v)):
                clear = np.abs(sweep.v) > NEAR_ZERO * np.max(np.abs(sweep.v))
                clear &= ~(sweep.at_compliance | other.at_compliance)
                clear &= (sweep.i != 0) & (other.i != 0)
                squares.append(np.log10(np.abs(sweep.i[clear] / other.i[clear])) ** 2)
    if not squares:
        return np.nan
    return float(np.sqrt(np.mean(np.concatenate(squares)) / 2))


def _before(fitted: Sequence[mj.Measurement], label: int, size: int) -> list[mj.Measurement]:
    """The fitted sweep of as many points that comes last before a label; none where there is none."""
    every = [
        (int(x), m.select(m.sweep == x))
        for m in fitted
        for x in m.labels
        if x < label and np.count_nonzero(m.sweep == x) == size
    ]
    return [max(every, key=lambda pair: pair[0])[1]] if every else []
