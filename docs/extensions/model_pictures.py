"""The picture of a model: the loop of a device under a sweep, the traces of a circuit under its drive."""

import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

import memjax as mj
from fitting.app.explore.drives import DRIVES, SWEEPS, Drive, Sweep
from memjax import plot
from memjax.models import CIRCUITS

ROWS = 2000


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of spikes of a synapse, on either side of zero.

    Parameters
    ----------
    preset : str
        Parameters, those of `MODEL/PRESET`.
    longest : float
        Longest time between the end of one spike and the start of the other [s].
    lags, pairs : int
        Number of times on either side; of pairs at each.
    """

    preset: str
    longest: float
    lags: int = 8
    pairs: int = 5


WINDOWS = {"diffusive-drift-synapse": Pairs(preset="illustration", longest=26e-3)}


def _model(name: str, preset: str):
    model = mj.model(name)
    return mj.params.replace(model, mj.presets.load(f"{name}/{preset}")[1]) if preset else model


def _draw_loop(name: str, sweep: Sweep, figure) -> str:
    device = mj.params.replace(_model(name, sweep.preset), dict(sweep.settings))
    rate = 2 * (sweep.peak + (sweep.negative or 0.0)) / sweep.period
    wave = mj.triangle_sweep(sweep.peak, rate, negative=sweep.negative, cycles=sweep.cycles)
    bench = mj.Bench(compliance=sweep.compliance) if sweep.compliance else None
    options = {"bench": bench, "save": sweep.period / ROWS, "deterministic": True}
    trace = mj.simulate(device, wave, **options).check()
    v, i = np.ravel(trace.v), np.abs(np.ravel(trace.i))
    ax = plot.iv([v], [i], ax=figure.add_subplot(), color="#2f6fb2", width=1.4, alpha=1.0)
    ax.set_ylim(bottom=np.quantile(i[i > 0], 0.02))
    count = f", {sweep.cycles} cycles" if sweep.cycles > 1 else ""
    limit = f" at a current limit of {sweep.compliance:g} A" if sweep.compliance else ""
    return f"Preset ``{name}/{sweep.preset}`` without noise: a triangle sweep of {sweep.period:g} s{count}{limit}."


def _draw_traces(name: str, drive: Drive, figure) -> str:
    wave = mj.Sampled(np.array(drive.times), np.array(drive.values), "linear", drive.quantity)
    circuit, is_noisy = _model(name, drive.preset), drive.preset.endswith("noisy")
    rows = {"save": drive.times[-1] / ROWS, "deterministic": not is_noisy, "seed": 0}
    trace = mj.simulate(circuit, wave, **rows).check()
    units = {s.name: "" if s.unit == "1" else f" ({s.unit})" for s in circuit.specs}
    panels = {s + units[s]: trace.state[s][0] for s in drive.signals}
    axes = figure.subplots(len(panels), 1, sharex=True)
    plot.traces(np.asarray(trace.t), panels, axes=axes)
    noise = "with" if is_noisy else "without"
    source = f"Preset ``{name}/{drive.preset}``" if drive.preset else "Default values"
    unit = "V" if drive.quantity == "voltage" else "A"
    return f"{source}, {noise} noise, under a source of {max(drive.values):g} {unit}."


def _draw_window(name: str, pairs: Pairs, figure) -> str:
    spike = mj.synapse.Spike()
    lags = spike.duration + 1e-4 + np.linspace(0.0, pairs.longest, pairs.lags)
    dts = np.concatenate([-lags[::-1], lags])
    change = mj.synapse.stdp(_model(name, pairs.preset), dts, pairs=pairs.pairs)
    plot.stdp(dts, change, ax=figure.add_subplot())
    return f"Preset ``{name}/{pairs.preset}``: change of the weight after {pairs.pairs} pairs of spikes."


def _signature(name: str) -> str:
    """What a picture depends on: the code of the model, its presets and how it is driven."""
    code = CIRCUITS[name].build if name in CIRCUITS else mj.device_class(name)
    text = inspect.getsource(inspect.getmodule(code)) + repr(HOW.get(name, ("", ""))[1])
    text += "".join(repr(mj.presets.load(p)) for p in mj.presets.names(name))
    text += inspect.getsource(inspect.getmodule(picture)) + mj.__version__
    return hashlib.sha256(text.encode()).hexdigest()[:12]


HOW = (
    {name: (_draw_loop, sweep) for name, sweep in SWEEPS.items()}
    | {name: (_draw_traces, drive) for name, drive in DRIVES.items()}
    | {name: (_draw_window, pairs) for name, pairs in WINDOWS.items()}
)
"""Who draws the picture of a model, and how the model is driven."""


def picture(name: str, folder: Path, *, draw: bool) -> tuple[str, str] | None:
    """File name of a model's picture and its caption; None where there is none and none is to be drawn."""
    from matplotlib.figure import Figure

    path = folder / f"{name}-{_signature(name)}.png"
    words = path.with_suffix(".txt")
    if words.exists():
        return path.name, words.read_text(encoding="utf-8")
    if not draw or name not in HOW:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob(f"{name}-" + "?" * 12 + ".*"):
        stale.unlink()
    with jax.enable_x64(True), plot.style():
        figure = Figure(figsize=(6, 4), layout="constrained")
        draw_one, how = HOW[name]
        caption = draw_one(name, how, figure)
        figure.savefig(path, dpi=150)
    words.write_text(caption, encoding="utf-8")
    return path.name, caption
