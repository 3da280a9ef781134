"""``memjax export``: a model as a subcircuit of SPICE or a module of Verilog-A, with a testbench; a network as NIR."""

import argparse
import re
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError, OutputError, StimulusError
from ..io.request import BENCH_ELEMENTS, bench_from
from .command import Command, UsageError, number, say
from .model_table import require_models
from .options import add_bench_options, add_write_options

if TYPE_CHECKING:
    from ..circuit import Bench, Circuit
    from ..core.system import Environment
    from ..device import AbstractDevice
    from ..export import Testbench
    from ..stimulus import Sampled

_INTERVALS = 2000
"""Samples of white noise in the time of the testbench."""

_FILE_NAME = re.compile(r"[\w.+-]+", re.ASCII)
"""What stands in the testbench: neither SPICE nor ngspice's control language quotes alike everywhere."""

_FAST = 1e-6
"""Share of the time of the testbench within which implicit equations are solved."""


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "model",
        metavar="MODEL",
        help="device model or circuit (see 'memjax models'); with --to nir a network file",
    )
    value_options = parser.add_argument_group("parameters (default values without any)")
    value_options = value_options.add_mutually_exclusive_group()
    value_options.add_argument(
        "--preset", metavar="P", help="a published set (see 'memjax models NAME')"
    )
    value_options.add_argument("--params", metavar="FILE", help="TOML or JSON, name = value in SI")
    value_options.add_argument(
        "--fit", metavar="DIR", help="a fit, with the deviations of its parameters and its bench"
    )
    add(
        "--to", required=True, metavar="LANGUAGE", help="spice (ngspice), ltspice, verilog-a or nir"
    )
    add("--deterministic", action="store_true", help="without noise")
    bench = parser.add_argument_group("testbench")
    bench.add_argument(
        "--stimulus", metavar="S.csv", help="t_s and v_V or i_A, what the testbench applies"
    )
    bench.add_argument(
        "--amplitude", type=number("V"), metavar="V", help="of its triangle (default 1)"
    )
    bench.add_argument(
        "--duration",
        type=number("s"),
        metavar="S",
        help="of its triangle (default 1); with --to nir for how long neurons are compared",
    )
    add(
        "--out",
        required=True,
        metavar="FILE",
        help="what to write; the testbench is FILE with _tb.cir",
    )
    add_bench_options(parser)
    add_write_options(parser)


@dataclass(kw_only=True)
class _Choice:
    """Model to export, and the origin of its numbers."""

    model: "AbstractDevice | Circuit"
    bench: "Bench"
    env: "Environment"
    origin: str
    wave: "Sampled | None" = None
    std: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)


def _choice(options: argparse.Namespace) -> _Choice:
    """Model, bench and deviations as the options say."""
    from .. import presets
    from ..core import params
    from ..core.fields import setting_specs
    from ..io.fit import load_fit
    from ..models import model as model_named

    default: Any = model_named(options.model)
    bench: dict[str, float | bool | None] = {}
    extra: dict[str, Any] = {}
    values, origin, where = {}, "default values", ""
    if options.preset is not None:
        of_model, values, _ = presets.load(options.preset)
        origin = where = f"preset {options.preset}"
        _own(options.model, of_model, f"--preset {options.preset}")
    elif options.params is not None:
        values = params.load(options.params, words=setting_specs(default))
        origin = where = options.params
    elif options.fit is not None:
        fit, where = load_fit(options.fit), options.fit
        _own(options.model, fit.model, where)
        values, bench, origin = fit.values, fit.bench, f"fit {Path(options.fit).name}"
        extra = {"std": fit.std, "spread": fit.spread, "wave": _measured_wave(Path(options.fit))}
    model = params.replace(default, values, where=where)
    around, env, _ = bench_from(options, bench)
    return _Choice(model=model, bench=around, env=env, origin=origin, **extra)


def _own(model: str, of_model: str, where: str) -> None:
    """Raise where parameters belong to another model."""
    if model != of_model:
        raise ModelError(
            f"parameters of the model {of_model!r}", where=where, allowed=f"those of {model!r}"
        )


def _measured_wave(path: Path) -> "Sampled | None":
    """Waveform of the first sweep that a fit was made to, where its folder has it."""
    import numpy as np
    import pandas as pd

    from ..stimulus import Sampled

    table = (path if path.is_dir() else path.parent) / "simulated.csv"
    if not table.exists():
        return None
    rows = pd.read_csv(table)
    if not {"member", "sweep", "t_s", "v_V"} <= set(rows.columns):
        return None
    first = rows[
        (rows["member"] == rows["member"].iloc[0]) & (rows["sweep"] == rows["sweep"].iloc[0])
    ]
    t, v = np.asarray(first["t_s"], float), np.asarray(first["v_V"], float)
    return Sampled(t - t[0], v) if len(t) > 1 and (t[1:] > t[:-1]).all() else None


def _testbench(options: argparse.Namespace, choice: _Choice, ports: Any) -> "Testbench":
    """The testbench that the options ask for."""
    import numpy as np

    from ..export import Testbench, default_step, triangle
    from ..io.stimulus import load_stimulus
    from ..stimulus import Drives, Sampled

    if options.stimulus is not None:
        drives: Any = load_stimulus(
            options.stimulus, [p.name for p in ports] if len(ports) > 1 else ()
        )
        parts = drives.parts if isinstance(drives, Drives) else [drives]
        waves = {p.name: w for p, w in zip(ports, parts, strict=True)}
        wrong = [p for p in ports if waves[p.name].quantity != p.quantity]
        if wrong:
            what = f"a {waves[wrong[0].name].quantity} at {wrong[0].name}"
            raise StimulusError(what, where=options.stimulus, allowed=f"a {wrong[0].quantity}")
    else:
        has_drive = options.amplitude is not None or options.duration is not None
        first = triangle(options.amplitude or 1.0, options.duration or 1.0)
        first = first if choice.wave is None or has_drive else choice.wave
        flat = Sampled(first.times, 0.0 * np.asarray(first.values))
        waves = {p.name: first if k == 0 else flat for k, p in enumerate(ports)}
    bench = choice.bench
    if bench.offset_current is not None or bench.offset_voltage is not None:
        say("warning", "offsets belong to the instrument that measured: the testbench has none")
        bench = replace(bench, offset_current=None, offset_voltage=None)
    return Testbench(waves=waves, bench=bench, step=default_step(waves[ports[0].name]))


_OF_MODELS = (
    "preset", "params", "fit", "deterministic", "stimulus", "amplitude", "point_time", "temperature", *BENCH_ELEMENTS
)  # fmt: skip
"""Options that mean nothing to a network."""


def _run_nir(options: argparse.Namespace) -> int:
    """Write the network of a TOML file as NIR."""
    from ..network.nir import write_nir
    from ..network.toml import load_network
    from ..runtime.files import prepare_output
    from ..runtime.jax_setup import prepare_jax

    flags = [f"--{n.replace('_', '-')}" for n in _OF_MODELS if getattr(options, n, None)]
    if flags:
        raise UsageError(
            f"{', '.join(flags)} of a network",
            where="--to nir",
            allowed="--duration, --out, --force",
        )
    path = prepare_output(options.out, force=options.force)
    prepare_jax()
    file = load_network(options.model)
    with warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always")
        surrogates = write_nir(file.network, path, duration=options.duration or file.duration)
    for text in dict.fromkeys(str(w.message) for w in left_out):
        say("warning", text)
    for name, lif in surrogates.items():
        say(
            "note", f"{name}: rates of its LIF node are off by {lif.error:.0%} of the largest (RMS)"
        )
    return 0


def _run(options: argparse.Namespace) -> int:
    if options.to == "nir":
        return _run_nir(options)
    require_models([options.model])
    from .. import __version__
    from ..export import TARGETS, Provenance, assemble, ports_of
    from ..models import documentation
    from ..runtime.files import prepare_output, writing
    from ..runtime.jax_setup import prepare_jax

    if options.to not in TARGETS:
        allowed = ", ".join([*TARGETS, "nir"])
        raise ModelError(f"language {options.to!r}", where="--to", allowed=allowed)
    path = Path(options.out)
    if not _FILE_NAME.fullmatch(path.name):
        raise OutputError(
            "a file name that a simulator would not read as one word", where=f"--out {str(path)!r}",
            allowed="letters, digits and ._+-", fix="choose another --out",
        )  # fmt: skip
    deck = path.with_name(f"{path.stem}_tb.cir")
    if path.name == deck.name or (path.suffix in ("", ".cir") and path.stem.endswith("_tb")):
        raise OutputError(
            "the name of its testbench", where=f"--out {path}", fix="choose another --out"
        )
    path, deck = (prepare_output(p, force=options.force) for p in (path, deck))
    prepare_jax()
    choice = _choice(options)
    ports = ports_of(choice.model)
    bench = _testbench(options, choice, ports)
    target = TARGETS[options.to]
    assembly = assemble(
        choice.model, name=options.model, noise=not options.deterministic, env=choice.env,
        fast=_FAST * bench.duration, interval=None if target.has_white_noise else bench.duration / _INTERVALS,
    )  # fmt: skip
    doc, references = documentation(options.model)
    provenance = Provenance(
        summary=doc.split("\n")[0].replace("`", ""), origin=choice.origin, references=references, std=choice.std,
        spread=choice.spread, version=__version__,
    )  # fmt: skip
    table = f"{path.stem}_out.txt"
    with writing(path) as one, writing(deck) as two:
        one.write_text(target.write(assembly, provenance), encoding="utf-8")
        two.write_text(target.deck(assembly, bench, path.name, table), encoding="utf-8")
    for note in assembly.notes:
        if "left out" in note:
            say("warning", note)
    return 0


COMMAND = Command(
    name="export",
    help="write a model for a circuit simulator: SPICE or Verilog-A",
    configure=_configure,
    run=_run,
)
"""The command."""
