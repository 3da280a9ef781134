"""The same functions asked of neurons without ion dynamics: a threshold switch, and CMOS."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import memjax as mj
from benchmarks.cases.neuron.functions import chain
from memjax.observables import detect

POLICY = mj.Stiff(rtol=1e-4, atol=1e-6, max_steps=200_000)


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A neuron, and how it is driven and read.

    Parameters
    ----------
    circuit : Circuit
        With default values.
    signal, level, rearm : str, float, float
        What shows a spike, and its thresholds.
    quantity : str
        What drives it.
    weak, strong : float
        Constant drives below and above its threshold [V or A].
    time : float
        Over which it integrates [s].
    refractory : tuple of str and values
        The parameter that sets the refractory period, and values of it.
    """

    circuit: mj.Circuit
    signal: str
    level: float
    rearm: float
    quantity: str
    weak: float
    strong: float
    time: float
    refractory: tuple[str, tuple[float, ...]]

    def run(self, drives, rows, *, values=None, members: int = 1) -> list[np.ndarray]:
        """Spikes of each sweep of each member [s]."""
        conditions = mj.Conditions(values=values)
        options = {"save": rows, "policy": POLICY, "members": members}
        trace = mj.simulate(self.circuit, drives, conditions=conditions, **options).check()
        seen, t = np.asarray(trace.state[self.signal]), np.asarray(trace.t)
        each = [trace.sweep == k for k in range(len(rows))]
        read: Callable = lambda x, m: detect(t[m], x[m], level=self.level, rearm=self.rearm)  # noqa: E731
        return [read(x, m) for x in seen for m in each]

    def constant(self, level: float, duration: float) -> mj.Sampled:
        """A constant drive."""
        return mj.Sampled(np.array([0.0, duration]), np.full(2, level), quantity=self.quantity)

    def train(self, width: float, gap: float, count: int) -> mj.PulseTrain:
        """Pulses of the strong drive."""
        edge = 1e-3 * self.time
        return mj.PulseTrain(
            self.strong, width, width + gap, count, edge=edge, quantity=self.quantity
        )


def switch() -> Baseline:
    """The hysteretic switch."""
    return Baseline(
        circuit=mj.neuron.threshold_switch_neuron(),
        signal="switch.x",
        level=0.5,
        rearm=0.2,
        quantity="voltage",
        weak=0.28,
        strong=1.0,
        time=0.4e-3,
        refractory=("r_in.r", (0.5e6, 1e6, 2e6)),
    )


def cascaded() -> dict[str, object]:
    """First spikes [s] of a chain of three whose memristors are threshold switches, with the resistances of Table 1."""
    values = {"v_th": 0.6, "v_hold": 0.2, "r_on": 1e6, "r_off": 1e12}
    own = mj.params.replace(mj.ThresholdSwitch(), values)
    return {"cascade_s": list(chain(own, count=1, save=1e-6).first)}


def dpi() -> Baseline:
    """The CMOS neuron."""
    return Baseline(
        circuit=mj.neuron.dpi_neuron(),
        signal="ref.v",
        level=0.5,
        rearm=0.2,
        quantity="current",
        weak=1e-11,
        strong=1e-10,
        time=3.5e-3,
        refractory=("ref_bias.value", (0.2, 0.25, 0.3)),
    )


def functions(neuron: Baseline) -> dict[str, object]:
    """Figures of the functions: pulses by gap, spikes by drive, intervals by parameter, second over first, CV."""
    time, grid = neuron.time, lambda end: np.linspace(0.0, end, 6001)[1:]
    short, gaps = time / 4, np.array([0.25, 1.0, 4.0]) * time
    drives = [neuron.train(short, g, 40) for g in gaps]
    seen = neuron.run(drives, [grid(d.duration) for d in drives])
    pulses = [int(s[0] // (short + g)) + 1 if len(s) else None for s, g in zip(seen, gaps)]
    long = 20 * time
    counts = [
        len(s)
        for s in neuron.run(
            [neuron.constant(x, long) for x in (neuron.weak, neuron.strong)], [grid(long)] * 2
        )
    ]
    pairs = [neuron.train(2 * time, g, 2) for g in (2 * time, 20 * time)]
    ratio = []
    for s, d in zip(neuron.run(pairs, [grid(d.duration) for d in pairs]), pairs):
        second = s[s >= d.period]
        ratio.append(float((second[0] - d.period) / s[0]) if len(s) and len(second) else None)
    (name, values), isi = neuron.refractory, []
    if values:
        rows, many = [grid(long)], {name: np.array(values)[:, None]}
        drive = [neuron.constant(neuron.strong, long)]
        trains = neuron.run(drive, rows, values=many, members=len(values))
        isi = [float(np.mean(np.diff(s))) for s in trains]
    steady = neuron.run([neuron.constant(neuron.strong, long)], [grid(long)])[0]
    spread = np.diff(steady[2:])
    return {
        "gap_s": gaps.tolist(),
        "pulses_to_spike": pulses,
        "spikes_weak_strong": counts,
        "second_over_first": ratio,
        "parameter": name,
        "parameter_values": list(values),
        "interval_s": isi,
        "cv": float(np.std(spread) / np.mean(spread)) if len(spread) > 1 else None,
    }
