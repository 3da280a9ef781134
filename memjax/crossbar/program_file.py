"""The table of a file that says what is written into an array, and the state of that writing in a file."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..io.pulse_fit import load_pulse_fit
from ..network.toml.columns import load_array
from ..network.toml.tables import (
    COUNT,
    NOT_NEGATIVE,
    NUMBER,
    POSITIVE,
    TEXT,
    WHOLE,
    Kind,
    Table,
    one_of,
)
from ..runtime.files import read_sealed, write_sealed
from .array import Crossbar
from .faults import Faults
from .programmed import STATES, Programmed, Progress, numbers_of
from .pulses import SCHEMES, Pulses
from .writing import WriteNoise, resumed

_ROUNDS = 50


def _one_or_two(kind: Kind) -> Kind:
    """A value for set and reset pulses, or one of each."""
    return Kind(
        f"{kind.allowed}, or a list of two: of set and of reset pulses",
        lambda x: len(x) == 2 and all(map(kind.fits, x)) if isinstance(x, list) else kind.fits(x),
        lambda x: tuple(map(kind.convert, x)) if isinstance(x, list) else kind.convert(x),
    )


_PAIR = Kind(
    "a list of two finite numbers: of set and of reset pulses",
    lambda x: isinstance(x, list) and len(x) == 2 and all(map(NUMBER.fits, x)),
    tuple,
)
_SHARE = Kind(
    "a share from 0 to 1, or a file of 0 and 1 for each cell",
    lambda x: TEXT.fits(x) or (NUMBER.fits(x) and 0 <= x <= 1),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ProgramTask:
    """What is written.

    Parameters
    ----------
    targets : Float[np.ndarray, "rows columns"]
        Conductances [S].
    options : dict
        Of `memjax.crossbar.program`.
    """

    targets: Float[np.ndarray, "rows columns"]
    options: dict[str, Any]


def read_program(t: Table, shape: tuple[int, int] | None) -> ProgramTask | None:
    """What a table says; None where something is wrong, or the array is unknown."""
    targets = _targets(t, shape)
    pulses, noise, faults = _pulses(t), _noise(t), _faults(t, shape)
    tolerance = t.take("tolerance", POSITIVE, None)
    options = {"rounds": t.take("rounds", COUNT, _ROUNDS), "seed": t.take("seed", WHOLE, 0)}
    if t.source.problems or targets is None or pulses is None:
        return None
    options |= {"pulses": pulses, "noise": noise, "faults": faults, "tolerance": tolerance}
    return ProgramTask(targets=targets, options=options)


def _targets(t: Table, shape: tuple[int, int] | None) -> np.ndarray | None:
    """Conductances out of the file that they are in."""
    path = t.file("targets")
    if path is None or shape is None:
        return None
    with t.errors_at("targets"):
        targets = np.atleast_2d(load_array(path))
        if targets.shape == shape and np.all(np.isfinite(targets) & (targets > 0)):
            return targets
        t.note(
            "targets", f"an array of shape {targets.shape}",
            allowed=f"finite numbers > 0 S, of shape {shape}",
        )  # fmt: skip
    return None


def _pulses(t: Table) -> Pulses | None:
    """The pulses."""
    kinds = {
        "voltages": _PAIR,
        "widths": _one_or_two(POSITIVE),
        "steps": _one_or_two(NOT_NEGATIVE),
        "largest": _one_or_two(POSITIVE),
        "scheme": one_of(*SCHEMES),
        "off": POSITIVE,
        "at_once": COUNT,
        "pause": NOT_NEGATIVE,
        "substeps": COUNT,
        "read_voltage": POSITIVE,
    }
    must = ("voltages", "widths")
    values = {k: t.take(k, x) if k in must else t.take(k, x, None) for k, x in kinds.items()}
    if any(values[k] is None for k in must):
        return None
    with t.errors_at():
        return Pulses(values.pop("voltages"), **{k: x for k, x in values.items() if x is not None})
    return None


def _noise(t: Table) -> WriteNoise | None:
    """The noise of pulses and reads: as a fit of pulses gives it, and relative to conductances."""
    path = t.file("fit", None, inside="fit.json")
    spread, read = (t.take(k, NOT_NEGATIVE, 0.0) for k in ("spread", "read_noise"))
    with t.errors_at("fit"):
        pulses = None if path is None else load_pulse_fit(path)[1]
        return WriteNoise(pulses, spread=spread or 0.0, read=read or 0.0)
    return None


def _faults(t: Table, shape: tuple[int, int] | None) -> Faults | None:
    """Cells that are stuck, by files or shares."""
    seed = t.take("fault_seed", WHOLE, 0)
    cells = {}
    for name in ("on", "off"):
        key = f"stuck_{name}"
        x = t.take(key, _SHARE, 0.0)
        if isinstance(x, str):
            path = t.file(key)
            with t.errors_at(key):
                mask = None if path is None else np.atleast_2d(load_array(path))
                x = 0.0 if mask is None else mask != 0
                if mask is not None and not (mask.shape == shape and np.isin(mask, (0, 1)).all()):
                    t.note(
                        key, f"an array of shape {mask.shape}", allowed=f"0 and 1, of shape {shape}"
                    )
        cells[name] = x
    if t.source.problems or shape is None:
        return None
    with t.errors_at():
        faults = Faults(**cells, seed=seed)
        faults.masks(shape)
        return faults
    return None


class Checkpoint:
    """The state of a writing in a file that a later call goes on from.

    Parameters
    ----------
    path : Path
        The file.
    identity : mapping of str to str
        What the state belongs to: checksums of all files, and versions. Another state is not read.
    """

    def __init__(self, path: Path, identity: dict[str, str]):
        self.path = path
        text = "\n".join(f"{k} {x}" for k, x in sorted(identity.items()))
        self._digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)

    def save(self, done: Programmed) -> None:
        """Write the state, whole or not at all."""
        target = io.BytesIO()
        numbers: dict[str, Any] = numbers_of(done) | {"digest": self._digest}
        np.savez(target, **numbers)
        write_sealed(self.path, target.getvalue())

    def load(self, array: Crossbar, task: ProgramTask) -> Programmed | None:
        """The result so far; None where there is none of this task."""
        content = read_sealed(self.path)
        if content is None:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            numbers = dict(file)
        if not np.array_equal(numbers.pop("digest"), self._digest):
            return None
        history = numbers.pop("errors"), numbers.pop("off_target")
        known: dict[str, dict[str, Any]] = {name: {} for name in STATES}
        for name in [k for k in numbers if "/" in k]:
            field, _, state = name.partition("/")
            known[field][state] = jnp.asarray(numbers.pop(name))
        states, selector_states = (known[name] for name in STATES)
        progress = Progress(
            states=states,
            selector_states=selector_states,
            **{k: jnp.asarray(x) for k, x in numbers.items()},
        )
        options = {k: x for k, x in task.options.items() if k != "rounds"}
        return resumed(array, task.targets, progress=progress, history=history, **options)

    def remove(self) -> None:
        """The writing has ended."""
        self.path.unlink(missing_ok=True)
