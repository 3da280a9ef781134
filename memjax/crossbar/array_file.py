"""An array and its inputs in one TOML file, checked as a whole."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from .. import presets
from ..core import params
from ..device import AbstractDevice
from ..errors import ModelError, UsageError
from ..io.fit import load_fit
from ..models import model as model_named
from ..network.toml.columns import load_array
from ..network.toml.tables import (
    FLAG,
    NUMBER,
    POSITIVE,
    TEXT,
    VALUE,
    WHOLE,
    Kind,
    Source,
    Table,
)
from ..population import POPULATION, Population
from .array import Crossbar
from .faults import draw_cells
from .motion import check_moves
from .program_file import ProgramTask, read_program
from .wires import Wires

_ENDS = Kind(
    "a number >= 0, inf, or a list of such: one of each line",
    lambda x: all(map(_is_end, x)) if isinstance(x, list) else _is_end(x),
)
"""A resistance at the ends of lines [ohm]; TOML has ``inf``."""


def _is_end(x: object) -> bool:
    """Whether it is a resistance that may be infinite."""
    return isinstance(x, int | float) and not isinstance(x, bool) and x >= 0


@dataclass(frozen=True, kw_only=True, eq=False)
class ArrayFile:
    """The content of a file.

    Parameters
    ----------
    array : Crossbar
        The array.
    v : Float[np.ndarray, "inputs rows"] or None
        Voltages of the drivers [V]; None where the array is written and not read.
    program : ProgramTask or None
        What is written into the array before it is read.
    source : dict of str to str
        SHA-256 of each file that was read, by its path as written, the file itself first.
    """

    array: Crossbar
    v: Float[np.ndarray, "inputs rows"] | None
    program: ProgramTask | None
    source: dict[str, str]


def load_array_file(path: str | Path) -> ArrayFile:
    """Read a file of an array, with the files that it names, which lie in its folder.

    Parameters
    ----------
    path : str or Path
        The TOML file, as `docs/crossbars.md` describes it.

    Raises
    ------
    UsageError
        With all that is wrong, a sentence for each key.
    """
    source = Source(path)
    table = source.load(UsageError)
    array = _read_array(table.table("array"), table)
    shape, task = None if array is None else array.shape, None
    if table.has("program"):
        task = read_program(table.table("program"), shape)
        _check_program(table, array)
    v = None
    if task is None or table.has("input"):
        v = _read_input(table.table("input"), None if shape is None else shape[0])
    table.note_unknown_keys()
    source.check(UsageError)
    if array is None or (v is None and task is None):
        raise UsageError("no array", where=str(path))
    return ArrayFile(array=array, v=v, program=task, source=source.files)


def _check_program(table: Table, array: Crossbar | None) -> None:
    """Note cells that nothing can be written into."""
    if array is not None and not table.source.problems:
        with table.errors_at("program"):
            check_moves(array, "the cells")


def _numbers(t: Table, key: str) -> np.ndarray | None:
    """Rows of numbers in the file that a key names; None where there are none."""
    path = t.file(key, None)
    if path is None:
        return None
    with t.errors_at(key):
        return np.atleast_2d(load_array(path))
    return None


def _read_array(t: Table, table: Table) -> Crossbar | None:
    """The array of its table, and of that of its cells; None where something is wrong."""
    wires = {k: t.take(k, POSITIVE) for k in ("word_line", "bit_line")}
    ends = {k: t.take(k, _ENDS, 0.0) for k in ("driver", "sense")}
    flags = {k: t.take(k, FLAG, False) for k in ("drive_both_ends", "sense_both_ends")}
    selector = t.take("selector", POSITIVE, None)
    conductances = _numbers(t, "conductances")
    device, states = None, {}
    if table.has("cells"):
        device, states = _read_cells(table.table("cells"))
        if t.has("conductances"):
            t.note("conductances", "conductances beside cells", allowed="one of the two")
    elif not t.has("conductances"):
        t.note("", "no conductances", allowed='conductances = "FILE.npy", or a table [cells]')
    if table.source.problems:
        return None
    with t.errors_at():
        return Crossbar(
            conductances,
            cells=device,
            states=states or None,
            selector=selector,
            wires=Wires(**wires, **ends, **flags),
        )
    return None


def _read_cells(t: Table) -> tuple[AbstractDevice | None, dict[str, np.ndarray]]:
    """The device of the cells, and its states by name."""
    names = {k: t.take(k, TEXT, None) for k in ("model", "preset")}
    fit = t.file("fit", None, inside="fit.json")
    drawn = t.file("population", None, inside=POPULATION)
    seed = t.take("seed", WHOLE, 0)
    values, states = t.values("values", VALUE), t.table("states")
    arrays = {k: _numbers(states, k) for k in states.content}
    if sum(map(t.has, (*names, "fit", "population"))) != 1:
        t.note("", "no device, or several", allowed="one of model, preset, fit and population")
    if t.source.problems:
        return None, {}
    known_states = {k: x for k, x in arrays.items() if x is not None}
    shape = next((x.shape for x in known_states.values()), None)
    device = None
    with t.errors_at():
        if drawn is not None:
            # Without states there is no shape, which the array then says.
            cells = draw_cells(Population.load(drawn), shape or (1, 1), seed=seed or 0)
            return params.replace(cells, values), known_states
        model = names["model"]
        if names["preset"] is not None:
            model, known, _ = presets.load(names["preset"])
            values = known | values
        elif fit is not None:
            content = load_fit(fit)
            model, values = content.model, dict(content.values) | values
        device = model_named(str(model))
        if not isinstance(device, AbstractDevice):
            raise ModelError(f"{model!r} is a circuit", allowed="a device")
        device = params.replace(device, values)
    return device, known_states


def _read_input(t: Table, rows: int | None) -> np.ndarray | None:
    """Voltages of all inputs, a row each, for so many word lines; unknown where the array is wrong."""
    if t.has("voltage") == t.has("voltages"):
        t.note(
            "",
            "no voltages",
            allowed='voltage = V, or voltages = "FILE.csv" with a row for each input',
        )
        return None
    voltage, v = t.take("voltage", NUMBER, None), _numbers(t, "voltages")
    if rows is None or (voltage is None and v is None):
        return None
    v = np.full((1, rows), voltage) if v is None else v
    if v.ndim != 2 or v.shape[1] != rows or not np.isfinite(v).all():
        t.note(
            "voltages", f"an array of shape {v.shape}",
            allowed=f"finite numbers, {rows} in each row: one for each word line",
        )  # fmt: skip
        return None
    return v
