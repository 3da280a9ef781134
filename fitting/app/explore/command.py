"""The command ``memjax explore``."""

import argparse
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import memjax as mj
from memjax.cli.command import Command, count, number, require_packages
from memjax.cli.model_table import model_names
from memjax.cli.options import add_bench_options, add_read_options
from memjax.data.bundled import EXAMPLE
from memjax.datasets import PREFIX as DATASET
from memjax.errors import DataError, ModelError, UsageError
from memjax.io.request import bench_from
from memjax.runtime.console import say
from memjax.runtime.jax_setup import prepare_jax
from memjax.runtime.model_names import physics_of

from ...config import ELEMENTS
from ...kinds import flag
from ..cli import is_opened

LIBRARIES = ("starlette", "uvicorn", "plotly")
"""What the extra `explore` installs."""

_MODEL = "diffusive"
_OF_MODEL = ("preset", "stimulus", "temperature", *ELEMENTS)
_OF_FILE = ("model", "preset", "reader", "columns", "shunt", "area", "sign", "sweeps", "skip_forming", "exclude",
            "points", "model_sigma", "on_threshold", "hold_threshold", "point_time", "temperature",
            *ELEMENTS)  # fmt: skip


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(parser=parser)
    add = parser.add_argument
    add("subject", metavar="FILE|FIT|MODEL", help="a measured file of sweeps, or example:NAME; the folder or fit.json "
        "of a fit; or a model, see 'memjax models'")  # fmt: skip
    add("--model", metavar="MODEL", help=f"what is simulated beside a FILE (default: {_MODEL})")
    text = "values of what the data do not show, see 'memjax models MODEL'"
    add("--preset", metavar="P", help=text)
    text = "what drives a MODEL, in place of its standard sweep: t_s and v_V or i_A"
    add("--stimulus", metavar="S.csv", help=text)
    text = "port of 127.0.0.1 (default: a free one)"
    add("--port", type=count(0), default=0, metavar="N", help=text)
    add("--no-browser", action="store_true", help="print the address and open nothing")
    group = parser.add_argument_group("sweeps, as 'memjax fit' takes them").add_argument
    for name, form, metavar, text in (
        ("on-threshold", number("A"), "A", "current above which a device is on"),
        ("hold-threshold", number("A"), "A", "current below which it is off again"),
        ("points", count(0), "N", "points of a sweep at the most; 0 takes all"),
        ("model-sigma", number("decades"), "DECADES", "error granted to the model"),
    ):
        group(f"--{name}", type=form, metavar=metavar, help=text)
    add_bench_options(parser)
    add_read_options(parser)


def _refuse(options: argparse.Namespace, used: tuple[str, ...], what: str) -> None:
    """Refuse options that are not at their defaults and would be ignored."""
    plain = vars(options.parser.parse_args(["SUBJECT"]))
    free = {"subject", "port", "no_browser", "parser", "run", "command", "compliance_negative"}
    explicit = [n for n, x in plain.items() if n not in free and getattr(options, n) != x]
    if left := [flag(n) for n in explicit if n not in used]:
        raise UsageError(f"{', '.join(left)} would be ignored", where=what, fix="leave it out")


def subject_of(options: argparse.Namespace) -> Any:
    """What is explored: measured sweeps of a file or a fit, a device model or a circuit under its drive.

    Raises
    ------
    MemjaxError
        Where it is none of them, in the words of the reader or the fit where one is responsible.
    """
    name = options.subject
    path = Path(name)
    by_name = name.startswith((EXAMPLE, DATASET))
    if (physics_of(name) or name) in model_names() and not path.exists():
        return _driven(options)
    if path.is_dir() or (path.suffix.lower() == ".json" and _is_fit(path)):
        from .measured import of_fit

        _refuse(options, (), "a fit, which brings its own")
        return of_fit(path)
    if not by_name and not path.exists() and not path.suffix and "/" not in name:
        allowed = "a measured file, a fit, or one of: " + ", ".join(model_names())
        raise ModelError(f"{name!r} is no file, no fit and no model", allowed=allowed)
    from ..config import parse_fit
    from .fit_words import option_words
    from .measured import of_file

    _refuse(options, _OF_FILE, "a measured file")
    words = [name, "--model", options.model or _MODEL, *option_words(options), "--out", "fitted"]
    return of_file(parse_fit(words))


def _is_fit(path: Path) -> bool:
    """Whether a JSON file is one of a fit, and not one of measured numbers."""
    if path.name == "fit.json" or not path.exists():
        return path.name == "fit.json"
    with path.open(errors="replace") as file:
        return '"schema_version"' in file.read(200)


def _driven(options: argparse.Namespace) -> Any:
    """A model under its standard drive, or the stimulus that is given."""
    from memjax.io.stimulus import load_stimulus

    from .driven_circuit import DrivenCircuit
    from .driven_device import DrivenDevice
    from .drives import DRIVES, SWEEPS
    from .fit_words import option_words

    name = options.subject
    device = mj.model(name)
    circuit = isinstance(device, mj.Circuit)
    used = tuple(n for n in _OF_MODEL if not (circuit and n in ELEMENTS))
    _refuse(options, used, "a circuit" if circuit else "a model")
    standard = (DRIVES if circuit else SWEEPS).get(name)
    preset = options.preset or (
        f"{name}/{standard.preset}" if standard is not None and standard.preset else None
    )
    notes = []
    if preset:
        model, values, _ = mj.presets.load(preset)
        if model != name:
            what = f"preset {preset!r} is of model {model!r}"
            raise DataError(what, where="--preset", allowed=name)
        device = mj.params.replace(device, values)
        notes.append(f"values of the preset {preset}")
    device = mj.params.replace(device, dict(getattr(standard, "settings", {})))
    stimulus: Any = None if options.stimulus is None else load_stimulus(options.stimulus)
    bench, env, _ = bench_from(options)
    words = tuple(_without(option_words(options), "--preset", "--compliance"))
    fields: dict[str, Any] = dict(model=name, device=device, env=env, stimulus=stimulus)
    fields |= {"notes": notes, "words": words}
    if circuit:
        return DrivenCircuit(**fields)
    limit = getattr(standard, "compliance", None)
    if bench.compliance is None and limit and stimulus is None:
        bench = mj.Bench(
            **{n: getattr(bench, n) for n in ELEMENTS if n != "compliance"}, compliance=limit
        )
    return DrivenDevice(**fields, bench=bench)


def _without(words: list[str], *names: str) -> Iterator[str]:
    """Words of options and their values but those of some."""
    name = ""
    for word in words:
        name = word if word.startswith("--") else name
        if name not in names:
            yield word


def _open(address: str) -> None:
    """Open the page in the user's browser, or say that none could be started."""
    if not is_opened(address):
        say("note", "no browser could be started; open the address yourself")


def _run(options: argparse.Namespace) -> int:
    """Serve the page until the process is interrupted."""
    what = "the explorer needs"
    require_packages(LIBRARIES, what=what, where="memjax explore", extra="explore")
    from .fit_process import FitProcess
    from .server import bind, build_app, server_of

    prepare_jax()
    subject = subject_of(options)
    token, code = (secrets.token_urlsafe(24) for _ in range(2))
    with bind(options.port) as sock:
        port = sock.getsockname()[1]
        fits = FitProcess()
        address = f"http://127.0.0.1:{port}/{token}/"
        print(f"memjax explore: {address}\nCtrl-C ends it", flush=True)
        if not options.no_browser:
            # The command line of a browser is no secret: it shows a code that is used once.
            link = f"http://127.0.0.1:{port}/{code}/"
            threading.Timer(0.5, _open, [link]).start()
        app = build_app(
            subject, fits, token=token, port=port, code="" if options.no_browser else code
        )
        try:
            server_of(app).run(sockets=[sock])
        except KeyboardInterrupt:
            pass  # what it has to say comes below
        finally:
            fits.close()
    unsaved = "; the last fit was not saved" * fits.unsaved
    raise KeyboardInterrupt(f"the explorer has ended{unsaved}")


COMMAND = Command(
    name="explore",
    help="a local page with sliders: a measured file, a fit or a model",
    configure=_configure,
    run=_run,
)
"""The command."""
