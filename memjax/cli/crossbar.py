"""``memjax crossbar``: an array out of a file, read at its inputs, into a folder."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .command import Command, print_json, table
from .options import add_json_option, add_write_options, pictures_wanted

if TYPE_CHECKING:
    import numpy as np

    from ..crossbar import Reading
    from ..crossbar.array_file import ArrayFile

REPORT = "crossbar.json"
"""What makes a folder one of this command's."""


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="ARRAY.toml", help="the array and its inputs (see docs/crossbars.md)")
    add("--out", required=True, metavar="DIR", help="folder to write")
    add("--no-pictures", action="store_true", help="write no pictures")
    add_write_options(parser)
    add_json_option(parser)


def _write_currents(path: Path, reading: "Reading", ideal: "np.ndarray") -> None:
    """Write the currents of all inputs and bit lines as CSV."""
    import numpy as np

    current = np.asarray(reading.current)
    inputs, lines = (x.ravel() for x in np.indices(current.shape))
    columns = np.column_stack([inputs, lines, current.ravel(), ideal.ravel()])
    head = "input,bit_line,i_A,ideal_A"
    np.savetxt(
        path, columns, delimiter=",", header=head, comments="", fmt=["%d", "%d", "%.17g", "%.17g"]
    )


def _write_h5(path: Path, reading: "Reading", ideal: "np.ndarray") -> None:
    """Write all voltages and currents as HDF5, with units."""
    import h5py
    import numpy as np

    volts = {"v_V": reading.v, "word_V": reading.word, "bit_V": reading.bit}
    amperes = {
        "cell_current_A": reading.cell_current,
        "current_A": reading.current,
        "driver_current_A": reading.driver_current,
        "ideal_current_A": ideal,
    }
    watts = {f"power/{k}_W": x for k, x in reading.power._asdict().items()}
    with h5py.File(path, "w") as file:
        for name, x in (volts | amperes | watts).items():
            file[name] = np.asarray(x)
            file[name].attrs["units"] = name.rpartition("_")[2]


def _pictures(reading: "Reading", ideal: "np.ndarray", folder: Path) -> list[str]:
    """Draw the reading into a folder; the names of the files."""
    from matplotlib.figure import Figure

    from ..plot import conductance_map, current_errors, ideal_currents, ir_drop_map, style

    draws: dict[str, Any] = {
        "conductance.png": lambda ax: conductance_map(reading, ax=ax),
        "ir_drop.png": lambda ax: ir_drop_map(reading, ax=ax),
        "currents.png": lambda ax: ideal_currents(reading, ideal, ax=ax),
        "errors.png": lambda ax: current_errors(reading, ideal, ax=ax),
    }
    with style():
        for name, draw in draws.items():
            figure = Figure(figsize=(6, 4.4))
            draw(figure.add_subplot())
            figure.savefig(folder / name, format="png")
    return list(draws)


def _summary(content: "ArrayFile", reading: "Reading", ideal: "np.ndarray") -> dict[str, Any]:
    """What the reading says in numbers."""
    import numpy as np

    error = np.asarray(reading.current) - ideal
    scale = float(np.abs(ideal).max()) or 1.0
    power = {f"{k}_W": float(np.mean(x)) for k, x in reading.power._asdict().items()}
    return {
        "schema_version": 1,
        "shape": list(content.array.shape),
        "inputs": len(content.v),
        "largest_ir_drop_V": float(np.abs(np.asarray(reading.ir_drop)).max()),
        "rms_error": float(np.sqrt(np.mean(error**2))) / scale,
        "largest_error": float(np.abs(error).max()) / scale,
        "mean_power": power,
        "methods": sorted(set(reading.method.tolist())),
        "iterations": int(np.max(reading.iterations)),
        "source": content.source,
    }


def _print(report: dict[str, Any]) -> None:
    """The summary for people."""
    rows, columns = report["shape"]
    power = report["mean_power"]
    rows_of_table = [
        ["largest lost voltage", f"{report['largest_ir_drop_V']:.4g} V"],
        ["error of currents, RMS", f"{100 * report['rms_error']:.3g} % of the largest ideal one"],
        ["error of currents, largest", f"{100 * report['largest_error']:.3g} %"],
        *([f"power, {k[:-2].replace('_', ' ')}", f"{x:.4g} W"] for k, x in power.items()),
        ["solved by", f"{', '.join(report['methods'])}, {report['iterations']} iterations"],
    ]
    inputs = f"{report['inputs']} input{'s' if report['inputs'] > 1 else ''}"
    print(table(rows_of_table, head=[f"{rows} x {columns} cells, {inputs}", ""]))
    print(f"written: {report['out']} ({', '.join(report['files'])})")


def _run(options: argparse.Namespace) -> int:
    from .. import __version__
    from ..runtime.files import prepare_output, write_json, writing_folder
    from ..runtime.jax_setup import prepare_jax
    from .command import jsonable

    began = time.perf_counter()
    out = prepare_output(options.out, force=options.force, folder=True, marker=REPORT)
    draws = pictures_wanted(options)
    prepare_jax()
    import numpy as np

    from ..crossbar.array_file import load_array_file

    content = load_array_file(options.file)
    reading = content.array.read(content.v)
    ideal = np.asarray(content.array.without_wires().read(content.v).current)
    with writing_folder(out) as folder:
        _write_currents(folder / "currents.csv", reading, ideal)
        _write_h5(folder / "reading.h5", reading, ideal)
        pictures = _pictures(reading, ideal, folder) if draws else []
        report = _summary(content, reading, ideal)
        report |= {"out": str(out), "files": [REPORT, "currents.csv", "reading.h5", *pictures]}
        report |= {"wall_s": time.perf_counter() - began, "memjax": __version__}
        report = jsonable(report)
        write_json(folder / REPORT, report)
    print_json(report) if options.json else _print(report)
    return 0


COMMAND = Command(
    name="crossbar",
    help="read an array between real wires, out of a file, at its inputs",
    configure=_configure,
    run=_run,
)
"""The command."""
