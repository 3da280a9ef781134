"""The part of ``memjax fit`` that takes spike trains, or the trace of a node, of a circuit."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from memjax import params
from memjax.cli.command import UsageError, number, say
from memjax.cli.options import bench_from, file_of
from memjax.data import read_spike_trains, read_traces
from memjax.errors import DataError
from memjax.files import writing_folder
from memjax.io.stimulus import load_stimulus

from ..command import Stages, announce, new_folder, refuse_draws, require_circuit, write_fit
from ..kinds import provenance, refuse_unused
from ..problem import begun, moved_inside
from ..report import fill
from .content import of_spikes, of_voltage, spike_tables, trace_tables
from .spikes import calibrate_spikes
from .voltage_fit import fit_voltages

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
    add("--level", type=float, metavar="V", help="what a spike rises above [unit of the signal]")
    add("--rearm", type=float, metavar="V", help="below which it was before (default: --level)")
    add("--dt", type=number("s"), metavar="S", help="step of simulated trains to begin with [s]")
    add(
        "--sigma", type=number("V or A"), metavar="V", help="standard deviation of a row of a trace"
    )


def spikes_asked(options: argparse.Namespace) -> bool:
    """Whether an option says that files are of spike trains."""
    return options.spikes is not None


def trace_asked(options: argparse.Namespace) -> bool:
    """Whether an option says that files are of the trace of a node."""
    return options.voltage is not None


def run(options: argparse.Namespace, circuit: Any) -> int:
    """Fit; the exit status."""
    spikes = spikes_asked(options)
    word = "--spikes" if spikes else "--voltage"
    needed = {"stimulus": "S.csv", "free": "NAME ..."} | ({"level": "V"} if spikes else {})
    require_circuit(options, circuit, where=word, needed=needed)
    _refuse(options, word, spikes)
    _, env, _ = bench_from(options)
    used = (
        ("spikes", "level", "rearm", "dt", "draws", "stochastic")
        if spikes
        else ("voltage", "sigma")
    )
    refuse_unused(options, ("stimulus", *used), what="spike trains" if spikes else "a trace")
    circuit = params.replace(circuit, dict(options.fix), where="--fix")
    circuit = begun(circuit, options.free, dict(options.start))
    out = new_folder(options)
    ports = circuit.ports if len(circuit.ports) > 1 else ()
    stimulus = load_stimulus(options.stimulus, ports)
    with Stages(checked=False) as stages:
        fit = _spikes if spikes else _voltage
        content = fit(options, circuit, stimulus, env, out, stages.describe)
    for warning in content["warnings"]:
        say("warning", warning)
    return 0


def _refuse(options: argparse.Namespace, word: str, spikes: bool) -> None:
    """Refuse what does not go with such files."""
    if options.stochastic and not spikes:
        raise UsageError(
            "--stochastic", where="--voltage", allowed="--spikes, which calibrates noise, or a fit without noise",
            fix="leave it out",
        )  # fmt: skip
    if options.batch:
        raise UsageError("not with --batch", where=word, fix="leave it out")
    refuse_draws(options, used=spikes)
    if spikes and options.uncertainty != "laplace":
        raise UsageError(
            f"--uncertainty {options.uncertainty}", where=word, fix="leave it out",
            allowed="laplace: simulated moments have no likelihood",
        )  # fmt: skip


def _spikes(options, circuit, stimulus, env, out: Path, tick) -> dict:
    """Calibrate to spike trains; what was written."""
    trains = []
    about = {"level": options.level, "rearm": options.rearm}
    for name in options.files:
        trains += read_spike_trains(file_of(name), signal=options.spikes, **about).values()
    found = calibrate_spikes(
        trains,
        circuit,
        stimulus=stimulus,
        signal=options.spikes,
        free=options.free,
        members=options.draws,
        dt=options.dt,
        seed=options.seed,
        env=env,
        tick=tick,
        **about,
    )
    window = (0.0, float(stimulus.duration))
    content = of_spikes(found, model=options.model, signal=options.spikes, window=window, **about)
    content["moved_inside"] = list(moved_inside(circuit, params.to_dict(circuit), options.free))
    with writing_folder(out) as place:
        fill(content, spike_tables(found), place, **provenance(options))
    announce(content, out)
    return content


def _voltage(options, circuit, stimulus, env, out: Path, tick) -> dict:
    """Fit the trace of a node; what was written."""
    node = options.voltage.removesuffix(".v")
    traces = read_traces(file_of(options.files[0]), signal="i" if node == "i" else f"{node}.v")
    if len(options.files) > 1 or len(traces) > 1:
        raise DataError(
            "several traces", where="--voltage", allowed="one", fix="fit each into a folder of its own"
        )  # fmt: skip
    ((t, x),) = traces.values()
    sigma = _scatter(x) if options.sigma is None else options.sigma
    tick("least squares")
    fit = fit_voltages(
        t, x, circuit, stimulus=stimulus, node=node, sigma=sigma, free=options.free, seed=options.seed,
        env=env,
    )  # fmt: skip
    given, warnings = options.sigma is not None, []
    if not given and fit.chi2 > 1:  # the scatter is what the residuals say
        fit = replace(fit, covariance=fit.chi2 * fit.covariance)
    if fit.chi2 > 2:
        warnings.append(
            f"the residuals are {fit.chi2**0.5:.2g} times a row's scatter ({sigma:.2g}): this circuit does not "
            "do all that the trace does"
        )
    if not fit.converged:
        warnings.append("the search had not ended")
    fit = replace(fit, model=options.model)
    about: dict[str, Any] = dict(node=node, seed=options.seed, sigma_given=given, warnings=warnings)

    def write(own, place: Path) -> None:
        content = of_voltage(own, **about)
        fill(content, trace_tables(own, node), place, sample=own.sample, **provenance(options))

    return write_fit(write, fit, options, out)


def _scatter(x: np.ndarray) -> float:
    """Standard deviation of a row, from second differences: a smooth trace has none."""
    away = np.diff(x, n=2)
    own = 1.4826 * float(np.median(np.abs(away - np.median(away)))) / 6**0.5 if away.size else 0.0
    return max(own, _SIGMA * float(np.ptp(x)) or _SIGMA)
