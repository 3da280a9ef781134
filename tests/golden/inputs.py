"""Input files of the cases, simulated from known parameters: ``python -m tests.golden.inputs NAME ...`` writes them.

They are written with seven digits, so that what a compiler rounds differently in a simulation changes no input.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

import memjax as mj
from memjax.data import PulseProtocol
from memjax.io.stimulus import load_stimulus
from memjax.observables import detect_all
from memjax.solver import SemiImplicitEuler
from memjax.synapse import Pulsed, PulseNoise, simulate_pulses

CELL = {"r_on": 520.0, "r_off": 2400.0, "v_on": 0.19, "v_off": 0.17, "tau": 1.3e-4}
"""Parameters of the metastable switches under pulses, and of their decay."""

_NEURON = "1m1t1r/zhao2025-table1-noisy"
_NOTHING = 1e-15  # volts or amperes that rounding makes of zero


def _table(name: str, head: Sequence[str], *columns: np.ndarray) -> None:
    """Write columns of numbers under their names; what is smaller than any of them counts is zero."""
    small = [np.where(np.abs(x) < _NOTHING, 0.0, x) for x in columns]
    rows = [",".join(f"{x:.7g}" for x in row) for row in zip(*small, strict=True)]
    Path(name).write_text("\n".join([",".join(head), *rows]) + "\n", encoding="utf-8")


def _with(model: str, values: dict[str, float]):
    return mj.params.replace(mj.model(model), values)


def loops() -> None:
    """Four sweeps of 50 points of a non-volatile device, with 2 % of scatter."""
    device = _with("mms", {"tau": 0.02, "r_on": 1e3, "r_off": 1e5, "n": 1e6})
    rows = np.linspace(0.0, 4.0, 201)[1:]
    stimulus = mj.triangle_sweep(0.6, 2.4, negative=0.6, cycles=4)
    trace = mj.simulate(device, stimulus, save=rows, deterministic=True).check()
    i = np.asarray(trace.i[0]) * np.exp(0.02 * np.random.default_rng(0).normal(size=200))
    _table("loops.csv", ["sweep", "t_s", "v_V", "i_A"], np.arange(200) // 50, rows, trace.v[0], i)


def limited() -> None:
    """Three sweeps of a device with thresholds, whose current a compliance of 0.3 mA limits, with 2 % of scatter."""
    device = _with("vteam", {"k_on": 100.0, "k_off": 100.0, "r_off": 1e5})
    rows = np.linspace(0.0, 3.0, 181)[1:]
    stimulus = mj.triangle_sweep(-0.7, 2.8, negative=0.7, cycles=3)
    bench = mj.Bench(compliance=3e-4)
    trace = mj.simulate(device, stimulus, save=rows, bench=bench, deterministic=True).check()
    i = np.asarray(trace.i[0])
    scatter = np.exp(0.02 * np.random.default_rng(1).normal(size=180))
    i = np.where(np.abs(i) > 2.99e-4, i, i * scatter)
    _table("limited.csv", ["sweep", "t_s", "v_V", "i_A"], np.arange(180) // 60, rows, trace.v[0], i)


def _pulse_rows(g: np.ndarray, half: int) -> list[str]:
    """Rows of one device: its conductances under setting, then under resetting pulses, cycle by cycle."""
    rows = []
    for cycle, values in enumerate(g):
        for branch, part in (("P", values[: half + 1]), ("D", values[half:])):
            rows += [f"{cycle},{branch},{k},{x:.7g}" for k, x in enumerate(part)]
    return rows


def pulses() -> None:
    """Conductances of two devices under 12 setting and 12 resetting pulses, five cycles with 1 % of scatter."""
    protocol = PulseProtocol(voltages=(0.3, -0.3), widths=(2e-5, 2e-5), read_voltage=0.05)
    lines = ["device,cycle,branch,pulse,g_S"]
    for k, name in enumerate(("a", "b")):
        device = _with("mms", CELL | {"r_on": 520.0 + 60 * k, "noisy": 0.0, "x0": 0.05})
        kinds = np.repeat([0, 1], 12)
        pulsed = Pulsed.under(device, protocol)
        g = np.asarray(simulate_pulses(pulsed, PulseNoise.none(), kinds, cycles=5, seed=0))
        g = g * (1 + 0.01 * np.random.default_rng(3 + k).normal(size=g.shape))
        lines += [f"{name},{row}" for row in _pulse_rows(g, 12)]
    Path("pulses.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    one = [lines[0], *(x for x in lines if x.startswith("a,"))]
    Path("one.csv").write_text("\n".join(one) + "\n", encoding="utf-8")
    words = "pulse_voltages = [0.3, -0.3]\npulse_widths = [2e-5, 2e-5]\nread_voltage = 0.05\n"
    Path("bench.toml").write_text(f'["one.csv"]\n{words}', encoding="utf-8")


def decay() -> None:
    """The resistance of the same device while it relaxes, read at 0.1 mV, 40 readings with 1 % of scatter."""
    device = _with("mms", CELL | {"noisy": 0.0, "x0": 0.9})
    t = np.linspace(0.0, 1.5, 40)
    held = mj.Sampled(np.array([0.0, 1.6]), np.array([1e-4, 1e-4]))  # fits take it as no voltage
    trace = mj.simulate(device, held, save=t[1:], deterministic=True).check()
    first = 0.9 / CELL["r_on"] + 0.1 / CELL["r_off"]
    r = np.concatenate([[1 / first], 1e-4 / np.asarray(trace.i[0])])
    r = r * (1 + 0.01 * np.random.default_rng(4).normal(size=t.shape))
    _table("decay.csv", ["t_s", "r_ohm"], t, r)


def curves() -> None:
    """Eight curves of a volatile device with noise under one pulse of 1 V each, with what follows it."""
    _, values, _ = mj.presets.load("diffusive/wang2024-pulse")
    device = _with("diffusive", values | {"r0": 0.3, "sigma1": 3.0, "sigma3": 3.0})
    rows = np.linspace(0.0, 0.08, 401)[1:]
    drive = mj.Sampled(
        np.array([0.0, 0.005, 0.0051, 0.025, 0.0251, 0.08]),
        np.array([0.05, 0.05, 1.0, 1.0, 0.05, 0.05]),
    )
    trace = mj.simulate(device, drive, save=rows, members=8, seed=2).check()
    labels, t = np.repeat(np.arange(8), 400), np.tile(rows, 8)
    v, i = np.asarray(trace.v).ravel(), np.asarray(trace.i).ravel()
    _table("curves.csv", ["sweep", "t_s", "v_V", "i_A"], labels, t, v, i)


def _drive(pulses_: int) -> str:
    """Pulses of 2.2 V and 0.4 ms every 0.8 ms, as a stimulus file."""
    edges = [(0, 0), (1e-6, 2.2), (4e-4, 2.2), (4.01e-4, 0)]
    rows = [(8e-4 * k + t, v) for k in range(pulses_) for t, v in edges]
    rows.append((8e-4 * pulses_, 0))
    lines = ["t_s,v_V", *(f"{t:.9g},{v:g}" for t, v in rows)]
    Path("drive.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return "drive.csv"


def trains() -> None:
    """Sixteen spike trains of a noisy neuron under 15 pulses."""
    _, values, _ = mj.presets.load(_NEURON)
    circuit = _with("1m1t1r", values | {"memristor.mu": 165.0, "memristor.sigma1": 0.02})
    policy, rows = mj.Fixed(2e-6, method=SemiImplicitEuler()), np.arange(751) * 1.6e-5
    stimulus = load_stimulus(_drive(15))
    trace = mj.simulate(circuit, stimulus, members=16, seed=7, policy=policy, save=rows).check()
    seen = detect_all(trace.t, trace.state["gate.v"], level=0.22, rearm=0.15)
    lines = [f"{k},{t:.7g}" for k, train in enumerate(seen) for t in np.asarray(train).tolist()]
    Path("trains.csv").write_text("\n".join(["train,t_s", *lines]) + "\n", encoding="utf-8")


def trace() -> None:
    """The voltage of a node behind a resistor, which a switch discharges, with 2 mV of noise."""
    Path("step.csv").write_text("t_s,v_V\n0,1\n1e-3,1\n", encoding="utf-8")
    circuit, rows = _with("threshold-switch-neuron", {"r_in.r": 1.03e6}), np.linspace(0, 1e-3, 201)
    made = mj.simulate(circuit, load_stimulus("step.csv"), save=rows).check()
    noise = 2e-3 * np.random.default_rng(1).normal(size=201)
    _table("trace.csv", ["t_s", "node.v"], rows, np.asarray(made.state["node.v"][0]) + noise)


def halves() -> None:
    """Set and reset sweeps of one device in two files, eight cycles whose parameters scatter."""
    rng = np.random.default_rng(5)
    device = _with("vteam", {"k_on": 100.0, "k_off": 100.0, "r_off": 1e5})
    rows = np.linspace(0.0, 1.0, 81)[1:]
    stimulus = mj.triangle_sweep(-0.7, 2.8, negative=0.7)
    spread = {"r_on": 0.05, "r_off": 0.1, "v_on": 0.05, "v_off": 0.05}
    values = {
        n: float(mj.params.get(device, n)) * np.exp(s * rng.normal(size=(8, 1)))
        for n, s in spread.items()
    }
    made = mj.simulate(
        device,
        stimulus,
        save=rows,
        members=8,
        conditions=mj.Conditions(values=values),
        deterministic=True,
    ).check()
    i = np.asarray(made.i) * np.exp(0.01 * rng.normal(size=(8, 80)))
    for name, part in (("set.csv", slice(0, 40)), ("reset.csv", slice(40, 80))):
        columns = [np.tile(x[part], 8) for x in (rows - rows[part][0], np.asarray(made.v[0]))]
        labels = np.repeat(np.arange(1, 9), 40)
        _table(name, ["cycle", "t_s", "v_V", "i_A"], labels, *columns, i[:, part].ravel())


def wafer() -> None:
    """Five devices whose resistances scatter by 10 %, with 1 % of noise, and a file that holds nothing."""
    rng, times = np.random.default_rng(0), np.linspace(0, 1.0, 61)
    drive = mj.Sampled(times, 0.6 * np.sin(2 * np.pi * times))
    values = {"r_on": 500.0, "r_off": 5e3}
    values = {n: x * np.exp(0.1 * rng.normal(size=(5, 1))) for n, x in values.items()}
    options = dict(
        save=times, members=5, conditions=mj.Conditions(values=values), deterministic=True
    )
    i = np.asarray(mj.simulate(mj.MetastableSwitches(), drive, **options).check().i)
    i = i * np.exp(0.01 * rng.normal(size=i.shape))
    Path("wafer").mkdir()
    for k in range(5):
        _table(
            f"wafer/die_R{k // 3}_C{k % 3}.csv", ["t_s", "v_V", "i_A"], times, drive.values, i[k]
        )
    Path("wafer/die_R1_C2.csv").write_text("t_s,v_V,i_A\nnothing\n", encoding="utf-8")


def wrong() -> None:
    """Small files that no command has to solve, for messages of what is wrong."""
    v = np.concatenate([np.linspace(0, 0.5, 13)[1:], np.linspace(0.5, 0, 13)[1:]])
    _table(
        "sweeps.csv",
        ["cycle", "v_V", "i_A"],
        np.repeat([1, 2], 24),
        np.tile(v, 2),
        np.tile(v / 1e6, 2),
    )
    t = np.arange(24) * 0.01
    _table("timed.csv", ["t_s", "v_V", "i_A"], t, v, v / 1e6)
    Path("words.csv").write_text("a,b\nno,numbers\n", encoding="utf-8")
    Path("empty.csv").write_text("", encoding="utf-8")
    rows = [f"{d},0,{b},{k},1e-{5 + k % 2}" for d in "ab" for b in "PD" for k in range(3)]
    Path("pulses.csv").write_text(
        "\n".join(["device,cycle,branch,pulse,g_S", *rows]) + "\n", encoding="utf-8"
    )
    gap = "device,branch,cycle,pulse,g_S\n0,P,0,0,1e-5\n0,P,0,2,1e-5\n"
    Path("gap.csv").write_text(gap, encoding="utf-8")
    _table("decay.csv", ["t_s", "r_ohm"], np.arange(20.0), 1e4 * 1.01 ** np.arange(20.0))
    _table(
        "runs.csv",
        ["run", "t_s", "r_ohm"],
        np.repeat([1, 2], 10),
        np.tile(np.arange(10.0), 2),
        np.full(20, 1e4),
    )
    cycles = np.arange(1, 31)
    _table(
        "endurance.csv",
        ["Cycle #", "R_HRS (Ohm)", "R_LRS (Ohm)"],
        cycles,
        np.full(30, 1e5),
        np.full(30, 1e3),
    )
    Path("trains.csv").write_text("train,t_s\n0,0.001\n0,0.002\n", encoding="utf-8")
    Path("trace.csv").write_text("t_s,gate.v\n0,0\n1e-3,1\n2e-3,0\n", encoding="utf-8")
    _drive(2)
    level = np.where((np.arange(60) > 10) & (np.arange(60) < 40), 0.5, 0.0)
    _table("curves.csv", ["t_s", "v_V", "i_A"], np.arange(60) * 1e-3, level, level * 1e-5)
    for name, text in (
        ("other.toml", '["other.csv"]\nread_voltage = 0.1\n'),
        ("speed.toml", '["pulses.csv"]\nspeed = 1\n'),
        ("broken.toml", "read_voltage\n"),
    ):
        Path(name).write_text(text, encoding="utf-8")
    Path("taken").mkdir()
    Path("taken/letter.txt").write_text("not a fit\n", encoding="utf-8")


MAKERS = {
    f.__name__: f
    for f in (loops, limited, pulses, decay, curves, trains, trace, halves, wafer, wrong)
}
"""What writes input files, by name."""

if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    for word in sys.argv[1:]:
        MAKERS[word]()
