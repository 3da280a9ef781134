"""``memjax run``: a network out of a file, into a folder."""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .command import Command, UsageError, count, number, print_json, say, table
from .options import add_json_option, pictures_wanted

if TYPE_CHECKING:
    from ..network import Network, Recording

_PROCESS = 0.3
"""Memory of the program itself [GiB]."""

_RASTER_SPIKES = 20_000_000
"""Spikes that pictures are made of at most: those of the last part of a long run."""

_MUCH = 2**30
"""Memory of a network [bytes] from which on the estimate is printed also where no terminal shows the run."""


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="NET.toml", help="the network (see docs/networks.md)")
    add("--out", required=True, metavar="DIR", help="folder to write")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--resume", action="store_true", help="go on where an earlier run ended")
    mode.add_argument("--force", action="store_true", help="replace an earlier run")
    add("--seed", type=count(0), metavar="K", help="instead of the file's seed")
    add("--duration", type=number("s"), metavar="S", help="instead of the file's [s]")
    add(
        "--devices",
        type=count(1),
        metavar="N",
        help="accelerators, or else virtual devices on the processor (default: all, or one)",
    )
    add(
        "--no-pictures",
        action="store_true",
        help="write no raster.png, rate.png, weights.png, energy.png",
    )
    add_json_option(parser)


def _devices(n: int | None) -> list | None:
    """Return that many devices of JAX; None stands for all."""
    import jax

    if n is None:
        return None
    with contextlib.suppress(RuntimeError):  # JAX runs already, with as many as it has
        jax.config.update("jax_num_cpu_devices", n)
    devices = jax.devices()
    if len(devices) < n:
        raise UsageError(f"{n} devices", where="--devices", allowed=f"1 to {len(devices)}")
    return devices[:n]


def _pictures(recording: "Recording", out: Path) -> list[str]:
    """Draw the raster and the rates; the names of the files."""
    from matplotlib.figure import Figure

    from ..io import writing
    from ..plot import conductances, network_raster, population_rates, style

    pictures = {"raster.png": network_raster, "rate.png": population_rates}
    if recording.conductances:
        pictures["weights.png"] = conductances
    with style():
        for name, draw in pictures.items():
            figure = Figure(figsize=(9, 5) if draw is network_raster else (9, 3.6))
            draw(recording, ax=figure.add_subplot())
            with writing(out / name) as temporary:
                figure.savefig(temporary, format="png")
        if recording.energy:
            figure = Figure(figsize=(10, 7))
            _draw_energy(recording, figure)
            with writing(out / "energy.png") as temporary:
                figure.savefig(temporary, format="png")
    return [*pictures, *(["energy.png"] if recording.energy else [])]


def _draw_energy(recording: "Recording", figure: Any) -> None:
    """Energies by element and by cause side by side, and the power over time below."""
    from ..plot import energy_by_cause, energy_by_element, energy_power

    grid = figure.add_gridspec(2, 2, height_ratios=(3, 2))
    energy_by_element(recording, ax=figure.add_subplot(grid[0, 0]))
    energy_by_cause(recording, ax=figure.add_subplot(grid[0, 1]))
    energy_power(recording, ax=figure.add_subplot(grid[1, :]))


def _group(recording: "Recording", name: str) -> dict[str, Any]:
    """Summary of one group's run."""
    import numpy as np

    statistics, n = recording.statistics[name], recording.sizes[name]
    spikes, cv = int(statistics["count"].sum()), np.asarray(statistics.get("cv", np.nan), float)
    cv = cv[np.isfinite(cv)]
    return {
        "n": n,
        "spikes": spikes,
        "mean_rate_Hz": spikes / (n * recording.duration),
        "mean_cv": float(cv.mean()) if cv.size else None,
    }


def _summary(recording: "Recording", network: "Network", wall: float, fresh: bool) -> dict:
    """Summary of a run, with its speed unless it was resumed."""
    from ..network import Neurons

    neurons = sum(g.n for g in network.groups if isinstance(g, Neurons))
    steps = neurons * recording.duration / recording.dt
    return {
        "duration_s": recording.duration,
        "wall_s": wall,
        "neuron_steps_per_s": steps / wall if fresh else None,
        "groups": {n: _group(recording, n) for n in recording.sizes},
    }


def _areas(models: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Area of one neuron of each group as a source states it, for `run.json`."""
    from ..models import footprint

    return {
        group: {"model": model, "area_m2": f and f.area, "source": f and f.source}
        for group, model in models.items()
        for f in [footprint(model)]
    }


def _energy_lines(energy: dict[str, Any]) -> list[str]:
    """The ledger for people: a table by group, and the energy of an inference."""
    causes = list(energy["by_cause_J"])
    rows = [
        [
            n,
            f"{g['given_J']:.4g}",
            *(f"{g['by_cause_J'][c]:.3g}" for c in causes),
            _number((g["per_spike_J"] or {}).get("total")),
            f"{g['numerical_share']:.1e}",
        ]
        for n, g in energy["groups"].items()
    ]
    head = ["energy of", "given (J)", *(f"{c} (J)" for c in causes), "per spike (J)", "numerical"]
    return [table(rows, head=head)] + [
        f"per stimulus of {n!r}: {_number(x['mean_J'])} J (SD {_number(x['sd_J'])} J, "
        f"{x['intervals']} of {x['interval_s']:g} s)"
        for n, x in energy["per_inference"].items()
    ]


def _print(report: dict) -> None:
    """The summary for people."""
    rows = [
        [n, str(g["n"]), str(g["spikes"]), f"{g['mean_rate_Hz']:.4g}", _number(g["mean_cv"])]
        for n, g in report["groups"].items()
    ]
    print(table(rows, head=["group", "n", "spikes", "mean rate (1/s)", "mean CV"]))
    for line in _energy_lines(report["energy"]) if "energy" in report else []:
        print(line)
    speed = report["neuron_steps_per_s"]
    text = "" if speed is None else f", {speed:.3g} neuron-steps/s, compiling included"
    print(f"{report['duration_s']:g} s in {report['wall_s']:.3g} s{text}")
    print(f"written: {report['out']} ({', '.join(report['files'])})")


def _number(x: float | None) -> str:
    """A number, or a dash."""
    return "-" if x is None else f"{x:.3g}"


def _run(options: argparse.Namespace) -> int:
    try:
        return _simulate(options)
    except KeyboardInterrupt:
        from ..network.run_store import MARKER

        out = Path(options.out)
        if not (out / MARKER).exists():
            raise
        text = f"what was simulated is in {out}; the same command with --resume goes on"
        raise KeyboardInterrupt(text) from None


def _simulate(options: argparse.Namespace) -> int:
    """Run, draw, and say what happened; the exit status."""
    from .. import __version__
    from ..network import estimate
    from ..network.folder_run import FolderSettings, run_network
    from ..network.run_store import load_recording, read_description
    from ..network.toml import load_network
    from ..runtime.jax_setup import prepare_jax

    prepare_jax()
    devices, draws = _devices(options.devices), pictures_wanted(options)
    file = load_network(options.file, seed=options.seed)
    sizes = estimate(file.network, shards=len(devices or [None]), energy=file.energy)
    size = sum(sizes.values())
    if sys.stderr.isatty() or size > _MUCH:
        say("note", f"about {size / 2**30 + _PROCESS:.1f} GiB of memory")
    out = Path(options.out)
    extra = {"area": _areas(file.models)} if file.energy else {}
    extra |= {"file": options.file, "read": file.source, "memjax": __version__}
    extra["memory_estimate_bytes"] = size
    run_network(
        file.network,
        file.duration if options.duration is None else options.duration,
        out,
        watch=file.watch,
        every=file.every,
        conductances_every=file.conductances_every,
        devices=devices,
        energy=file.energy,
        folder=FolderSettings(
            resume=options.resume,
            force=options.force,
            progress=sys.stderr.isatty(),
            extra=extra,
            stimuli=file.stimuli,
        ),
    )
    description = read_description(out)
    recording = load_recording(out, most=_RASTER_SPIKES)
    report = _summary(recording, file.network, description["wall_s"], not options.resume)
    files = ["recording.h5", "run.json", *(_pictures(recording, out) if draws else [])]
    notes = description["notes"]
    for note in notes:
        say("warning", note)
    report = {"out": str(out), "files": files, "warnings": notes} | report
    report |= {"energy": description["energy"]} if file.energy else {}
    if options.json:
        print_json(report)
    else:
        _print(report)
    return 0


COMMAND = Command(
    name="run", help="simulate a network of neurons out of a file", configure=_configure, run=_run
)
"""The command."""
