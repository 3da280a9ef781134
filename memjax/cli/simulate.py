"""``memjax simulate``: write the trace of a model on a bench under a waveform."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SolveError, StimulusError
from ..io.request import bench_names, file_of, measurement_from
from .command import Command, UsageError, count, number, say
from .like_pulses import pulses_like, simulate_like_pulses
from .model_table import require_models
from .options import add_bench_options, add_read_options, add_write_options
from .setup import Setup, setup_device

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float

    from ..core.result import Trace
    from ..population import Population

_MOST_ROWS = 50_000_000


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="device model or circuit (see 'memjax models')")
    group = parser.add_argument_group("parameters (exactly one)").add_mutually_exclusive_group(
        required=True
    )
    group.add_argument("--preset", metavar="P", help="a published set (see 'memjax models NAME')")
    group.add_argument("--params", metavar="FILE", help="TOML or JSON, name = value in SI")
    group.add_argument(
        "--fit", metavar="FIT.json", help="a fit, with its bench, read noise and spreads"
    )
    group.add_argument(
        "--population",
        metavar="FILE",
        help="of mj.Population.save, or the folder of a batch of fits: every member is another device",
    )
    drive = parser.add_argument_group("waveform (exactly one)").add_mutually_exclusive_group(
        required=True
    )
    drive.add_argument(
        "--stimulus",
        metavar="S.csv",
        help="t_s and v_V or i_A (NAME_V or NAME_A of each driven source where there are several), linear between rows",
    )
    drive.add_argument(
        "--like",
        metavar="MEASURED",
        help="the waveform of a measured file, or example:NAME (pulses, where it holds conductances per pulse)",
    )
    add("--members", type=count(1), default=1, metavar="N", help="number of devices (default 1)")
    add("--seed", type=count(0), default=0, metavar="K", help="seed of all noise (default 0)")
    add("--read-noise", metavar="FILE.toml", help="parameters of mj.ReadNoise, instead of a fit's")
    add(
        "--deterministic",
        action="store_true",
        help="no diffusion, jumps, per-cycle spread or read noise",
    )
    add("--save-every", type=number("s"), metavar="S", help="even rows under --stimulus [s]")
    add(
        "--carry-state",
        choices=("yes", "no"),
        help="whether a sweep starts where the one before ended",
    )
    add("--out", required=True, metavar="OUT.csv|OUT.nc", help="what to write")
    add_bench_options(parser)
    add_read_options(parser)
    add_write_options(parser)


def _spread(setup: Setup, options: argparse.Namespace, sweeps: int) -> dict[str, Any]:
    """Parameters that differ between members and sweeps [SI], kept within their bounds."""
    from ..core import params
    from ..noise import cycle_factors

    if setup.population is not None:
        return _sample_parameters(setup.population, options, sweeps)
    if options.deterministic or not setup.spread:
        return {}
    shape: dict[str, Any] = dict(members=options.members, sweeps=sweeps)
    factors = cycle_factors(options.seed, setup.spread, correlation=setup.correlation, **shape)
    return params.scale(setup.device, factors)


def _sample_parameters(
    population: "Population", options: argparse.Namespace, sweeps: int
) -> dict[str, Any]:
    """Parameters of devices of a population, and of their cycles unless these are to be alike [SI]."""
    if options.deterministic:
        population = replace(population, cycle_root=None)
    return population.sample(options.seed, options.members, sweeps=sweeps)


def _common(setup: Setup, options: argparse.Namespace, sweeps: int) -> dict[str, Any]:
    """Arguments of `simulate` that both kinds of waveform share."""
    from ..simulate import Conditions, Output
    from ..simulate.checks import checked_members

    checked_members(options.members)  # before their parameters are drawn
    carry = None if options.carry_state is None else options.carry_state == "yes"
    values = _spread(setup, options, sweeps)
    return {
        "bench": setup.bench,
        "members": options.members,
        "seed": options.seed,
        "deterministic": options.deterministic,
        "conditions": Conditions(env=setup.env, carry_state=carry, values=values),
        # `_usable` says in the words of the command line what failed.
        "output": Output(progress=sys.stderr.isatty(), on_failure="ignore"),
    }


def _like(setup: Setup, options: argparse.Namespace) -> "Trace":
    """One row per measured point."""
    from ..simulate import simulate_like

    if options.save_every is not None:
        raise UsageError(
            "not with --like", where="--save-every", allowed="--stimulus", fix="leave it out"
        )
    measurement = measurement_from(options.like, options)
    setup.notes["like"] = str(file_of(options.like))
    common = _common(setup, options, len(measurement.labels))
    with_limits = setup.by_sweep and measurement.driven == "voltage"
    if with_limits and measurement.compliances:
        setup.limits = measurement.limits()
        levels = " and ".join(f"{x:g}" for x in measurement.compliances)
        say("note", f"each sweep is limited as it was measured, to {levels} A")
    return simulate_like(
        setup.device, measurement, point_time=setup.point_time, limited=with_limits, **common
    )


def _under_stimulus(setup: Setup, options: argparse.Namespace) -> "Trace":
    """Every row of the stimulus and enough between, or even rows."""
    import numpy as np

    from ..io.stimulus import load_stimulus
    from ..simulate import is_noisy, simulate
    from .rows import fill_rows

    ports = getattr(setup.device, "ports", ())
    stimulus = load_stimulus(options.stimulus, ports if len(ports) > 1 else ())
    setup.notes["stimulus"] = options.stimulus
    common = _common(setup, options, 1)
    values = common["conditions"].values
    noisy = not options.deterministic and is_noisy(setup.device, values)
    rows = _rows(setup, options, stimulus, noisy, values)
    adaptive = options.save_every is None and not noisy
    fine_rows = (
        fill_rows(rows) if adaptive else rows
    )  # the size at which the rows were sought is compiled
    trace = simulate(setup.device, stimulus, save=fine_rows, **common)
    return _pick(trace, np.isin(fine_rows, rows)) if adaptive else trace


def _pick(trace: "Trace", mask: "Bool[np.ndarray, ' rows']") -> "Trace":
    """The trace at some of its rows."""
    import equinox as eqx
    import jax

    def where(tr):
        return [tr.v, tr.i, tr.state, tr.v_device, tr.i_device]

    subset = jax.tree.map(lambda x: x[:, mask], where(trace))

    def times(tr):
        return [tr.t, tr.sweep]

    trace = eqx.tree_at(times, trace, [x[mask] for x in times(trace)])
    return eqx.tree_at(where, trace, subset)


def _rows(setup: Setup, options: argparse.Namespace, stimulus, noisy: bool, values: dict):
    """Times to write [s]."""
    import numpy as np

    from ..circuit import build_system
    from ..core import params
    from .rows import adaptive_rows, even_rows

    build_system(
        setup.device, setup.bench, stimulus.quantity
    )  # refuses a compliance at a current source
    interval = options.save_every
    if interval is not None:
        n = int(np.floor(stimulus.duration / interval + 1e-9))
        if not 1 <= n * options.members <= _MOST_ROWS:
            allowed = (
                f"at most the stimulus's {stimulus.duration:g} s, and {_MOST_ROWS:.0e} rows in all"
            )
            raise StimulusError(f"rows every {interval:g} s", where="--save-every", allowed=allowed)
        return np.arange(n + 1) * interval
    if noisy:
        return even_rows(stimulus)
    copies = options.members if values else 1
    counts = (
        params.replace(setup.device, {k: x[m, 0] for k, x in values.items()}) for m in range(copies)
    )
    return adaptive_rows(counts, stimulus, setup.bench, setup.env)


def _limit(trace: "Trace", setup: Setup) -> "float | Float[np.ndarray, ' rows'] | None":
    """Compliance of each reading [A]; one where all have the same."""
    import numpy as np

    bench = setup.bench
    if setup.limits is None and bench.compliance_negative is None:
        return bench.compliance
    v, sweep = np.asarray(trace.v)[0], np.asarray(trace.sweep)
    limits = np.array([[bench.compliance, bench.compliance_negative]], float)
    limits = limits if setup.limits is None else setup.limits
    index_of = {label: k for k, label in enumerate(dict.fromkeys(sweep.tolist()))}
    row = (
        [index_of[label] for label in sweep.tolist()]
        if len(limits) > 1
        else np.zeros(len(sweep), int)
    )
    return limits[row, np.where(v < 0, 1, 0)]


def _as_read(trace: "Trace", setup: Setup, options: argparse.Namespace) -> "Trace":
    """The trace with the instrument's noise on its current."""
    import equinox as eqx
    import numpy as np

    from ..noise import instrument_noise

    if options.deterministic:
        return trace
    limit = _limit(trace, setup)
    if setup.read is not None:
        return setup.read.apply(trace, seed=options.seed, env=setup.env, limit=limit)
    if not (setup.relative or setup.floor):
        return trace
    starts = np.flatnonzero(np.diff(trace.sweep, prepend=trace.sweep[0] - 1))
    lengths = np.diff(np.append(starts, len(trace.sweep)))
    readings = instrument_noise(
        options.seed,
        trace.i,
        sweep=np.repeat(np.arange(len(starts)), lengths),
        row=np.concatenate([np.arange(n) for n in lengths]),
        relative=setup.relative,
        floor=setup.floor,
        limit=limit,
    )
    return eqx.tree_at(lambda tr: tr.i, trace, readings)


def _usable(trace: "Trace") -> "Trace":
    """The trace without members that failed; they are counted in a warning.

    Raises
    ------
    SolveError
        If all failed.
    """
    failed = trace.failed
    if not len(failed):
        return trace
    if len(failed) == trace.result.shape[0]:
        trace.check()
    try:
        trace.check()
    except SolveError as error:
        say(
            "warning",
            f"{error.what}; {len(failed)} of {trace.result.shape[0]} members are left out: {error.where}",
        )
    return trace.good()


def _run(options: argparse.Namespace) -> int:
    require_models([options.model])
    import numpy as np

    from .. import __version__
    from ..io import prepare_output
    from ..io.trace import check_suffix, write_trace
    from ..runtime.jax_setup import prepare_jax

    check_suffix(options.out)
    out = prepare_output(Path(options.out), force=options.force)
    prepare_jax()
    if options.like is not None and (records := pulses_like(options)):
        simulate_like_pulses(records, options, out)
        return 0
    setup = setup_device(options)
    whole = _like(setup, options) if options.like is not None else _under_stimulus(setup, options)
    successful = np.setdiff1d(np.arange(whole.result.shape[0]), whole.failed)
    trace = _usable(_as_read(whole, setup, options))
    elements = bench_names(setup.bench)
    notes = (
        setup.notes
        | elements
        | {"temperature_K": str(setup.env.temperature), "memjax": __version__}
    )
    write_trace(trace, out, device=not setup.bench.bare, members=successful, notes=notes)
    return 0


COMMAND = Command(
    name="simulate",
    help="simulate a device on a bench, or a circuit",
    configure=_configure,
    run=_run,
)
"""The command."""
