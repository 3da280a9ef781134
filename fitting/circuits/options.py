"""The part of ``memjax fit`` that takes spike trains, or the trace of a node, of a circuit."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from memjax.cli.command import number, plain_float
from memjax.errors import DataError
from memjax.io.request import bench_from, file_of

from ..command import require_circuit, stages_of

if TYPE_CHECKING:
    import numpy as np

    from .spikes import SpikeCalibration
    from .voltage_fit import VoltageFit

_SIGMA = 1e-3  # least standard deviation of a row where none is given, over the range of the trace


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of such files to those of ``memjax fit``."""
    group = parser.add_argument_group("spike trains and traces, for circuits")
    add = group.add_argument
    kind = group.add_mutually_exclusive_group().add_argument
    kind(
        "--spikes",
        metavar="SIGNAL",
        help="fit spike times: files of times, or of traces of this state (as gate.v), which spikes where it rises "
        "above --level; kinetics and noise are calibrated together",
    )
    kind("--voltage", metavar="NODE", help="fit the trace of a node, or i for the source's current")
    add("--stimulus", metavar="S.csv", help="what drove it, from time 0 on: t_s and v_V or i_A")
    add(
        "--level",
        type=plain_float,
        metavar="V",
        help="what a spike rises above [unit of the signal]",
    )
    add(
        "--rearm",
        type=plain_float,
        metavar="V",
        help="below which it was before (default: --level)",
    )
    add("--dt", type=number("s"), metavar="S", help="step of simulated trains to begin with [s]")
    add(
        "--sigma", type=number("V or A"), metavar="V", help="standard deviation of a row of a trace"
    )


def drive(options: argparse.Namespace, circuit: Any) -> Any:
    """The stimulus that drove a circuit, by its ports."""
    from memjax.io.stimulus import load_stimulus

    return load_stimulus(options.stimulus, circuit.ports if len(circuit.ports) > 1 else ())


def _begin(options: argparse.Namespace, circuit: Any, **needed: str) -> tuple[Any, dict[str, Any]]:
    """The circuit at the start, and what both fits take from the options."""
    from memjax.core import params

    from ..problem import begun

    require_circuit(options, circuit, **needed, free="NAME ...")
    circuit = params.replace(circuit, dict(options.fix), where="--fix")
    about = {"free": options.free, "seed": options.seed, "env": bench_from(options)[1]}
    start = begun(circuit, options.free, dict(options.start))
    return start, about | {"stimulus": drive(options, circuit)}


def fit_trains(options: argparse.Namespace, circuit: Any) -> "SpikeCalibration":
    """The calibration to spike trains."""
    from memjax.data import read_spike_trains

    from .spikes import calibrate_spikes

    circuit, about = _begin(options, circuit, where="--spikes", stimulus="S.csv", level="V")
    about |= {"level": options.level, "rearm": options.rearm, "signal": options.spikes}
    trains = []
    for name in options.files:
        read = {n: about[n] for n in ("level", "rearm", "signal")}
        trains += read_spike_trains(file_of(name), **read).values()
    with stages_of(options, checked=False) as stages:
        more: dict[str, Any] = dict(members=options.draws, dt=options.dt, tick=stages)
        return calibrate_spikes(trains, circuit, **about, **more)


def fit_trace(options: argparse.Namespace, circuit: Any) -> "VoltageFit":
    """The fit of the trace of a node; its errors are those of the residuals where no sigma was given."""
    from memjax.data import read_traces

    from .voltage_fit import fit_voltages

    circuit, about = _begin(options, circuit, where="--voltage", stimulus="S.csv")
    node = options.voltage.removesuffix(".v")
    traces = read_traces(file_of(options.files[0]), signal="i" if node == "i" else f"{node}.v")
    if len(options.files) > 1 or len(traces) > 1:
        raise DataError(
            "several traces", where="--voltage", allowed="one", fix="fit each into a folder of its own"
        )  # fmt: skip
    ((t, x),) = traces.values()
    sigma = _scatter(x) if options.sigma is None else options.sigma
    with stages_of(options, checked=False) as stages:
        fit = fit_voltages(t, x, circuit, node=node, sigma=sigma, **about, tick=stages)
    scale = fit.chi2 if options.sigma is None and fit.chi2 > 1 else 1.0
    return replace(fit, covariance=scale * fit.covariance, model=options.model)


def _scatter(x: "np.ndarray") -> float:
    """Standard deviation of a row, from second differences: a smooth trace has none."""
    import numpy as np

    away = np.diff(x, n=2)
    own = 1.4826 * float(np.median(np.abs(away - np.median(away)))) / 6**0.5 if away.size else 0.0
    return max(own, _SIGMA * float(np.ptp(x)) or _SIGMA)
