"""``memjax crossbar``: an array out of a file, written and read at its inputs, into a folder."""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .command import Command, print_json, say, table
from .options import add_json_option, add_write_options, pictures_wanted

if TYPE_CHECKING:
    import numpy as np

    from ..crossbar import Programmed, Reading
    from ..crossbar.array_file import ArrayFile

REPORT = "crossbar.json"
"""What makes a folder one of this command's."""

_SECONDS = 5.0
"""Between two lines that say how far writing is."""


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "file",
        metavar="ARRAY.toml",
        help="the array, its inputs and targets (see docs/crossbars.md)",
    )
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


def _draw(draws: dict[str, Any], folder: Path) -> list[str]:
    """Draw pictures into a folder; the names of the files."""
    from matplotlib.figure import Figure

    from ..plot import style

    with style():
        for name, draw in draws.items():
            figure = Figure(figsize=(6, 4.4))
            draw(figure.add_subplot())
            figure.savefig(folder / name, format="png")
    return list(draws)


def _pictures_of_reading(reading: "Reading", ideal: "np.ndarray") -> dict[str, Any]:
    """Pictures by the names of their files."""
    from ..plot import conductance_map, current_errors, ideal_currents, ir_drop_map

    return {
        "conductance.png": lambda ax: conductance_map(reading, ax=ax),
        "ir_drop.png": lambda ax: ir_drop_map(reading, ax=ax),
        "currents.png": lambda ax: ideal_currents(reading, ideal, ax=ax),
        "errors.png": lambda ax: current_errors(reading, ideal, ax=ax),
    }


def _pictures_of_writing(done: "Programmed") -> dict[str, Any]:
    """Pictures by the names of their files."""
    from ..plot import programming_error, reached_conductances

    return {
        "programming_error.png": lambda ax: programming_error(done, ax=ax),
        "reached.png": lambda ax: reached_conductances(done, ax=ax),
    }


def _write_program(done: "Programmed", folder: Path) -> list[str]:
    """Write what was reached, cell by cell and round by round; the names of the files."""
    import h5py
    import numpy as np

    cells = {"targets_S": done.targets, "conductances_S": done.conductances}
    states = {f"states/{s.name}": done.array.states[s.name] for s in _states(done)}
    counts = {"set_pulses": done.counts[0], "reset_pulses": done.counts[1]}
    masks = {"reached": done.reached, "stuck": done.stuck, "out_of_range": done.out_of_range}
    rounds = {"rms_error_S": done.errors, "off_target": done.off_target}
    rounds |= {"pulses_per_cell": done.pulses_per_cell}
    with h5py.File(folder / "program.h5", "w") as file:
        for name, x in (cells | states | counts | masks | rounds).items():
            file[name] = np.asarray(x)
            if name.endswith("_S"):
                file[name].attrs["units"] = "S"
        for s in _states(done):
            file[f"states/{s.name}"].attrs["units"] = s.unit
    place = dict(zip(("word_line", "bit_line"), np.indices(done.targets.shape), strict=True))
    _write_csv(folder / "program.csv", place | cells | counts | masks)
    _write_csv(folder / "rounds.csv", {"round": np.arange(len(done.errors))} | rounds)
    return ["program.h5", "program.csv", "rounds.csv"]


def _states(done: "Programmed") -> tuple:
    """States of the cells."""
    device = done.array.cells
    return () if device is None else device.states


def _write_csv(path: Path, columns: "Mapping[str, Any]") -> None:
    """Write columns under their names; whole numbers as such."""
    import numpy as np

    numbers = [np.asarray(x).ravel() for x in columns.values()]
    formats = ["%.17g" if x.dtype.kind == "f" else "%d" for x in numbers]
    table = np.column_stack(numbers)
    np.savetxt(path, table, delimiter=",", header=",".join(columns), comments="", fmt=formats)


def _write_reading(reading: "Reading", ideal: "np.ndarray", folder: Path) -> list[str]:
    """Write a reading; the names of the files."""
    _write_currents(folder / "currents.csv", reading, ideal)
    _write_h5(folder / "reading.h5", reading, ideal)
    return ["currents.csv", "reading.h5"]


def _reading_summary(reading: "Reading", ideal: "np.ndarray") -> dict[str, Any]:
    """What the reading says in numbers."""
    import numpy as np

    error = np.asarray(reading.current) - ideal
    scale = float(np.abs(ideal).max()) or 1.0
    power = {f"{k}_W": float(np.mean(x)) for k, x in reading.power._asdict().items()}
    return {
        "inputs": len(reading.v),
        "largest_ir_drop_V": float(np.abs(np.asarray(reading.ir_drop)).max()),
        "rms_error": float(np.sqrt(np.mean(error**2))) / scale,
        "largest_error": float(np.abs(error).max()) / scale,
        "mean_power": power,
        "methods": sorted(set(reading.method.tolist())),
        "iterations": int(np.max(reading.iterations)),
    }


def _program_summary(done: "Programmed") -> dict[str, Any]:
    """What the writing says in numbers."""
    return {
        "rounds": done.rounds,
        "pulses": int(done.pulses.sum()),
        "energy_J": done.energy,
        "rms_error_S": float(done.errors[-1]),
        "rms_error_before_S": float(done.errors[0]),
        "off_target": done.missed,
    }


def _reading_rows(report: dict[str, Any]) -> list[list[str]]:
    """Rows of the table for people, of a reading."""
    power = report["mean_power"]
    return [
        ["largest lost voltage", f"{report['largest_ir_drop_V']:.4g} V"],
        ["error of currents, RMS", f"{100 * report['rms_error']:.3g} % of the largest ideal one"],
        ["error of currents, largest", f"{100 * report['largest_error']:.3g} %"],
        *([f"power, {k[:-2].replace('_', ' ')}", f"{x:.4g} W"] for k, x in power.items()),
        ["solved by", f"{', '.join(report['methods'])}, {report['iterations']} iterations"],
    ]


def _program_rows(program: dict[str, Any]) -> list[list[str]]:
    """Rows of the table for people, of a writing."""
    missed = ", ".join(f"{n} {reason}" for reason, n in program["off_target"].items() if n)
    return [
        [
            "pulses",
            f"{program['pulses']} in {program['rounds']} rounds, {program['energy_J']:.4g} J",
        ],
        [
            "error of conductances, RMS",
            f"{program['rms_error_S']:.4g} S, before {program['rms_error_before_S']:.4g} S",
        ],
        ["cells off target", missed or "none"],
    ]


def _print(report: dict[str, Any]) -> None:
    """The summary for people."""
    rows, columns = report["shape"]
    lines = _program_rows(report["program"]) if "program" in report else []
    title = f"{rows} x {columns} cells"
    if "inputs" in report:
        lines += _reading_rows(report)
        title += f", {report['inputs']} input{'s' if report['inputs'] > 1 else ''}"
    print(table(lines, head=[title, ""]))
    print(f"written: {report['out']} ({', '.join(report['files'])})")


def _program(content: "ArrayFile", out: Path) -> "tuple[Programmed | None, Callable[[], None]]":
    """Write the array, from where a killed command was; and what removes the state of the writing."""
    from .. import __version__
    from ..crossbar import program
    from ..crossbar.program_file import Checkpoint

    task = content.program
    if task is None:
        return None, lambda: None
    path = out.with_name(f"{out.name}.program")
    checkpoint = Checkpoint(path, content.source | {"memjax": __version__})
    start, began = checkpoint.load(content.array, task), time.perf_counter()
    if start is not None:
        say("note", f"goes on behind round {start.rounds}, which {path} has")

    def tick(done: "Programmed") -> None:
        nonlocal began
        checkpoint.save(done)
        if time.perf_counter() - began > _SECONDS:
            began = time.perf_counter()
            say("note", f"round {done.rounds}: {int(done.off_target[-1])} cells off target")

    done = program(content.array, task.targets, **task.options, start=start, progress=tick)
    return done, checkpoint.remove


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
    done, forget = _program(content, out)
    array = content.array if done is None else done.array
    report: dict[str, Any] = {"schema_version": 1, "shape": list(array.shape)}
    files, pictures = [REPORT], {}
    with writing_folder(out) as folder:
        if done is not None:
            files += _write_program(done, folder)
            pictures |= _pictures_of_writing(done) if draws else {}
            report["program"] = _program_summary(done)
        if content.v is not None:
            reading = array.read(content.v).complete()
            ideal = np.asarray(array.without_wires().read(content.v).current)
            files += _write_reading(reading, ideal, folder)
            pictures |= _pictures_of_reading(reading, ideal) if draws else {}
            report |= _reading_summary(reading, ideal)
        files += _draw(pictures, folder) if pictures else []
        report |= {"source": content.source, "out": str(out), "files": files}
        report |= {"wall_s": time.perf_counter() - began, "memjax": __version__}
        report = jsonable(report)
        write_json(folder / REPORT, report)
    forget()
    print_json(report) if options.json else _print(report)
    return 0


COMMAND = Command(
    name="crossbar",
    help="write and read an array between real wires, out of a file",
    configure=_configure,
    run=_run,
)
"""The command."""
