"""Runs of networks in a folder: spikes streamed in parts, a checkpoint after each, one file at the end.

Notes
-----
A part is written whole, then the checkpoint that follows it; parts beyond the checkpoint are of a run that ended in
between, and are made again. Memory does not grow with the length of a run, and one that is killed at any moment goes on
with the spikes of one that was not.
"""

import io
import json
import os
import shutil
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import jax
import numpy as np
from jaxtyping import Float

from ..circuit.power import kinds_of_elements
from ..errors import NetworkError, OutputError
from ..runtime.files import LOCK, prepare_output, remove_temporaries, strict_json, writing
from .energy import EnergyLedger
from .energy_program import PHASES
from .groups import Neurons
from .network import Network
from .recording import Recording, Snapshot, Stretch

if TYPE_CHECKING:
    from .simulation import Simulation

SCHEMA_VERSION = 2
"""Layout of a run's folder; in 1 what is counted in steps was counted in exchange intervals."""

MARKER, RECORDING, CHECKPOINT = "run.json", "recording.h5", "checkpoint.npz"
"""Files of a run."""

_PARTS = "parts"

CONDUCTANCES, _SERIES = "conductances_S", "conductance_series_S"
_ENERGY_KEYS = ("energy_J", "time_s", "end_step")
"""Datasets of a ledger: by exchange interval, phase and element; by interval and phase; and where these end."""

_AT_THE_END = ("statistics", "states", CONDUCTANCES)
"""Groups of the file that are written when a run has ended; a longer run rewrites them."""

SAVE_INTERVAL, _FULL = 10.0, 2_000_000
"""Seconds, and numbers in memory, after which a part is written."""


STEP_CHECKS = ("stiffness", "decays", "moves")
"""Attributes of a `Simulation` that say how far its step can be trusted."""

NOT_ENDED = ("the run has not ended: its step has not been judged",)

_ROWS = 1 << 20
"""Numbers that are copied at once into the recording."""


def _write_error(path: Path, error: BaseException) -> OutputError:
    """An `OutputError` with the message of the operating system and advice how to continue."""
    text = getattr(error, "strerror", None) or error
    return OutputError(
        f"cannot be written ({text})",
        where=str(path),
        fix="what was recorded before is whole: mend it (space, folder), then run again with --resume",
    )


def _write_durably(path: Path, content: bytes) -> None:
    """Write a file whole, and see it to the disk before it bears its name."""
    try:
        with writing(path) as temporary, open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OutputError as error:
        raise _write_error(path, error.__cause__ or error) from error


def _as_h5(stretches: Sequence[Stretch]) -> bytes:
    """A part as a file."""
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        file.attrs["begin"], file.attrs["end"] = stretches[0].begin, stretches[-1].end
        for name in stretches[0].spikes:
            for k, (key, kind) in enumerate((("member", np.uint32), ("step", np.int64))):
                column = np.concatenate([s.spikes[name][k] for s in stretches])
                file[f"spikes/{name}/{key}"] = column.astype(kind)
        for name, states in stretches[0].traces.items():
            for key in states:
                file[f"traces/{name}/{key}"] = np.concatenate(
                    [s.traces[name][key] for s in stretches]
                )
        for name, pair in stretches[0].energies.items():
            for k, key in zip(range(len(pair)), _ENERGY_KEYS, strict=True):
                file[f"energy/{name}/{key}"] = np.concatenate(
                    [s.energies[name][k] for s in stretches]
                )
        for name in stretches[0].conductances:
            file[f"{_SERIES}/{name}/series"] = np.concatenate(
                [s.conductances[name] for s in stretches]
            )
    return target.getvalue()


@dataclass
class RunFolder:
    """Folder into which a run is written.

    Parameters
    ----------
    path : Path
        The folder.
    interval : float
        Time between two parts [s].
    pending : list of Stretch
        What has not been written yet.
    """

    path: Path
    interval: float = SAVE_INTERVAL
    pending: list[Stretch] = field(default_factory=list)
    last: float = field(default_factory=time.monotonic)

    @property
    def end_of_recording(self) -> int:
        """Steps in the recording; 0 without one."""
        path = self.path / RECORDING
        return _end(path) if path.exists() else 0

    @property
    def parts(self) -> list[Path]:
        """Parts in order that the recording does not hold."""
        first = self.end_of_recording
        return [p for p in sorted((self.path / _PARTS).glob("*.h5")) if int(p.stem) >= first]

    def due(self) -> bool:
        """Whether it is time to write."""
        arrays = [
            jax.tree.leaves((s.spikes, s.traces, s.energies, s.conductances)) for s in self.pending
        ]
        size = sum(x.size for leaves in arrays for x in leaves)
        return time.monotonic() - self.last > self.interval or size > _FULL

    def flush(self, simulation: "Simulation") -> None:
        """Write what is pending, then the checkpoint."""
        arrays = simulation.snapshot()
        if not self.pending or jax.process_index() != 0:
            self.pending = []
            return
        part = self.path / _PARTS / f"{self.pending[0].begin:010d}.h5"
        _write_durably(part, _as_h5(self.pending))
        target = io.BytesIO()
        np.savez(target, **arrays)  # pyright: ignore[reportArgumentType]
        _write_durably(self.path / CHECKPOINT, target.getvalue())
        self.pending, self.last = [], time.monotonic()

    def checkpoint(self, done: int | None = None) -> Snapshot | None:
        """Return the checkpoint; None if there is none, or if it is not of that many steps."""
        path = self.path / CHECKPOINT
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot be read ({error})", where=str(path)) from error
        return Snapshot.of(arrays) if done in (None, int(arrays.get("steps", -1))) else None

    def restore(self, simulation: "Simulation", content: Mapping[str, Any]) -> None:
        """Go back to the checkpoint, if there is one, and remove the parts beyond it; `content` has the step checks."""
        for key in STEP_CHECKS:
            getattr(simulation, key).update(content.get(key, {}))
        snapshot = self.checkpoint()
        if snapshot is not None:
            simulation.restore(snapshot.arrays)
        else:  # the recording of a run that was about to be replaced
            (self.path / RECORDING).unlink(missing_ok=True)
        (self.path / _PARTS).mkdir(exist_ok=True)
        earlier = [p for p in self.parts if int(p.stem) < simulation.done]
        for part in (self.path / _PARTS).glob("*.h5"):
            if part not in earlier:
                part.unlink()


def _end(path: Path) -> int:
    """The step at which a recording or a part ends; of schema 1 the exchange interval.

    Raises
    ------
    OutputError
        If the file cannot be read.
    """
    try:
        with h5py.File(path) as file:
            attributes: Any = file.attrs
            key = next(k for k in ("steps", "exchanges", "end") if k in attributes)
            return int(attributes[key])
    except (OSError, StopIteration) as error:
        raise OutputError(f"cannot be read ({error})", where=str(path)) from error


def write_description(folder: Path, content: Mapping[str, Any]) -> None:
    """Write `run.json`."""
    _write_durably(folder / MARKER, strict_json(content).encode())


def open_folder(path: Path, content: dict[str, Any], *, resume: bool, force: bool) -> Path:
    """The folder of a run: new, or that of the run which is resumed."""
    if resume:
        before = _check_same(path, content)
        content |= {k: before[k] for k in ("wall_s", *STEP_CHECKS) if k in before}
        return path
    path = prepare_output(path, force=force, folder=True, marker=MARKER)
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise _write_error(path, error) from error
    return path


def clear_folder(path: Path, *, resume: bool, force: bool) -> None:
    """Remove from a locked folder what a killed process was writing and, unless it is resumed, an earlier run.

    Its checkpoint first, without which nothing else is read, and last the mark that the folder is a run's: one that is
    killed in between is resumed from the beginning, or replaced.
    """
    for folder in (path, path / _PARTS):
        remove_temporaries(folder)
    if resume:
        return
    if not force:  # another one may have ended meanwhile
        prepare_output(path, folder=True)
    try:
        for old in (CHECKPOINT, RECORDING):
            (path / old).unlink(missing_ok=True)
        shutil.rmtree(path / _PARTS, ignore_errors=True)
        (path / _PARTS).mkdir()
        (path / MARKER).unlink(missing_ok=True)
    except OSError as error:
        raise _write_error(path, error) from error


def discard_beginning(path: Path) -> None:
    """Remove the folder of a run that failed before anything of it was written, so that the command may be mended."""
    if {x.name for x in path.iterdir()} <= {LOCK, MARKER, _PARTS} and not any(
        (path / _PARTS).iterdir()
    ):
        shutil.rmtree(path, ignore_errors=True)


def _check_same(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Read the description in a folder, and refuse any run but one of the same network."""
    before = read_description(path)
    if before.get("schema_version") != SCHEMA_VERSION:
        raise NetworkError(
            f"a run of memjax {before.get('memjax', 'of another version')}",
            where=str(path),
            allowed="to go on with the version that began it",
            fix="choose another --out, or --force to replace it",
        )
    if before["energy_ledger"] != content["energy_ledger"]:
        with_or_without = ("without", "with")
        raise NetworkError(
            f"a run {with_or_without[before['energy_ledger']]} an energy ledger",
            where=str(path),
            allowed="to go on as it was begun",
            fix=f"energy = {str(before['energy_ledger']).lower()}, or choose another --out",
        )
    for key in ("digest", "exchange_steps", "watch", "record_steps", "conductance_exchanges"):
        if before.get(key) != content[key]:
            raise NetworkError(
                "the network is not the one that was run",
                where=str(path),
                allowed="the same groups, projections, dt, seed and records; the duration may differ",
                fix="undo the change, or choose another --out",
            )
    return before


def read_description(folder: str | Path) -> dict[str, Any]:
    """The content of a run's `run.json`.

    Raises
    ------
    OutputError
        If there is none.
    """
    path = Path(folder) / MARKER
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"no run to be read ({error})", where=str(path), allowed="the folder of a 'memjax run'"
        ) from error


def merge_parts(store: RunFolder, network: Network, done: int, at_end: Mapping[str, Any]) -> None:
    """Merge the earlier recording and the parts into one recording."""
    path, clock = store.path / RECORDING, network.clock
    old, parts = [path] if path.exists() else [], store.parts
    try:
        with writing(path) as temporary:
            with h5py.File(temporary, "w") as file:
                file.attrs.update(
                    {
                        "schema_version": SCHEMA_VERSION,
                        "dt_s": clock.dt,
                        "exchange_steps": clock.steps,
                    }
                )
                file.attrs["steps"] = done
                for part in [*old, *parts]:
                    with h5py.File(part) as source:
                        _append(file, source)
                for g in network.groups:
                    file.require_group(f"spikes/{g.name}").attrs["n"] = g.n
                for name, kinds in _ledgers(network, file).items():
                    file[f"energy/{name}"].attrs["elements"] = list(kinds)
                    file[f"energy/{name}"].attrs["phases"] = list(PHASES)
                for name, x in at_end.items():
                    file[name] = x
            with open(temporary, "rb") as stream:
                os.fsync(stream.fileno())
    except (OSError, RuntimeError, OutputError) as error:
        raise _write_error(path, error.__cause__ or error) from error
    for part in parts:
        part.unlink()


def _ledgers(network: Network, file: h5py.File) -> dict[str, dict[str, str]]:
    """Elements of the groups of neurons whose energy a file holds."""
    groups = [g for g in network.groups if isinstance(g, Neurons) and f"energy/{g.name}" in file]
    return {g.name: kinds_of_elements(g.circuit) for g in groups}


def _append(file: h5py.File, source: h5py.File) -> None:
    """Append spikes and traces of one file to another, in pieces."""

    def append(name: str, x: Any) -> None:
        if not isinstance(x, h5py.Dataset) or name.startswith(_AT_THE_END):
            return
        if name not in file:
            kind: dict[str, Any] = dict(compression="gzip", compression_opts=1, shuffle=True)
            shape = (0, *x.shape[1:])
            file.create_dataset(
                name, shape, x.dtype, maxshape=(None, *x.shape[1:]), chunks=True, **kind
            )
        dataset: Any = file[name]
        for k in range(0, len(x), _ROWS):
            rows = x[k : k + _ROWS]
            dataset.resize(len(dataset) + len(rows), axis=0)
            dataset[len(dataset) - len(rows) :] = rows

    source.visititems(append)


def load_recording(folder: str | Path, *, most: int | None = None) -> Recording:
    """The recording in the folder of a run; of a run that has not ended, as far as it is on disk.

    Parameters
    ----------
    folder : str or Path
        The folder.
    most : int, optional
        About how many spikes are read at most: of more, those of the last part of the run.

    Raises
    ------
    OutputError
        If there is no recording.
    """
    folder = Path(folder)
    description, store = read_description(folder), RunFolder(folder)
    files = [*([folder / RECORDING] if (folder / RECORDING).exists() else []), *store.parts]
    dt, steps = description["dt_s"], description["exchange_steps"]
    unit = steps if description["schema_version"] == 1 else 1
    pieces: dict[str, list] = {}
    try:
        end, first = _span(files, most)
        for path in files:
            with h5py.File(path) as file:
                file.visititems(lambda n, x: _read(pieces, n, x, first))
    except OSError as error:
        raise OutputError(f"cannot be read ({error})", where=str(folder)) from error
    tables: dict[str, dict] = {n: {} for n in ("spikes", "traces", _SERIES, *_AT_THE_END)}
    tables["energy"] = {}
    for n, x in pieces.items():
        kind, group, key = n.split("/")
        column = x[-1] if kind in _AT_THE_END else np.concatenate(x)
        tables[kind].setdefault(group, {})[key] = column
    rows = max((len(x) for t in tables["traces"].values() for x in t.values()), default=0)
    counts = {n: t["count"] for n, t in tables["statistics"].items() if "count" in t}
    for name, g in tables[_SERIES].items():
        tables[CONDUCTANCES].setdefault(name, {}).update(g)
    records = max((len(g["series"]) for g in tables[_SERIES].values()), default=0)
    record_time = description.get("conductance_exchanges", 0) * steps * dt
    none = {"member": np.zeros(0, np.int64), "step": np.zeros(0, np.int64)}
    spikes = {n: tables["spikes"].get(n) or none for n in description["groups"]}
    return Recording(
        sizes={n: g["n"] for n, g in description["groups"].items()},
        dt=dt,
        duration=end * unit * dt,
        spikes={n: (x["member"].astype(np.int64), (x["step"] + 1) * dt) for n, x in spikes.items()},
        traces=tables["traces"],
        times=(np.arange(rows) + 1) * (description.get("record_steps", steps) * dt),
        statistics=tables["statistics"],
        conductances=tables[CONDUCTANCES],
        conductance_times=(np.arange(records) + 1) * record_time,
        start=first * dt,
        states=tables["states"],
        units={n: g["units"] for n, g in description["groups"].items() if "units" in g},
        watched={n: np.asarray(x, np.int32) for n, x in description["watch"].items() if x},
        notes=tuple(description.get("notes", NOT_ENDED)),
        final=store.checkpoint(end),
        backend=description.get("backend", ""),
        energy={
            n: _ledger(
                g,
                ledger,
                spikes=int(counts[n].sum()) if n in counts else len(spikes[n]["member"]),
                steps=steps,
                dt=dt,
            )
            for n, g in description["groups"].items()
            if (ledger := tables["energy"].get(n)) is not None
        },
    )


def _ledger(
    group: Mapping[str, Any],
    columns: Mapping[str, np.ndarray],
    *,
    spikes: int,
    steps: int,
    dt: float,
) -> EnergyLedger:
    """The energy of a group; where no ends are written they are those of so many steps [s] each."""
    energies, times, ends = (columns.get(k) for k in _ENERGY_KEYS)
    times = np.asarray(times)
    return EnergyLedger(
        kinds=group["elements"],
        energies=np.asarray(energies),
        times=times,
        rest_power=group["rest_W"],
        neurons=group["n"],
        spikes=spikes,
        ends=dt * (steps * (np.arange(len(times)) + 1) if ends is None else ends),
    )


def load_conductances(
    recording: str | Path, projection: str, *, at: str = "end"
) -> Float[np.ndarray, " edges"]:
    """Conductances of the devices of one projection out of a run's `recording.h5` [S].

    Parameters
    ----------
    recording : str or Path
        The file.
    projection : str
        Name of the projection.
    at : {"end", "start"}
        Of the run.

    Raises
    ------
    NetworkError
        If the file cannot be read, or has no such conductances.
    """
    try:
        with h5py.File(recording) as file:
            tables: Any = file.get(CONDUCTANCES, {})
            if projection not in tables:
                raise NetworkError(
                    f"no conductances of {projection!r}",
                    where=str(recording),
                    allowed=", ".join(tables) or "a run with weights that are devices",
                )
            return np.asarray(tables[projection][at])
    except OSError as error:
        raise NetworkError(f"cannot be read ({error})", where=str(recording)) from error


def _span(files: Sequence[Path], most: int | None) -> tuple[int, int]:
    """Steps on record, and the step from which on there are about so many spikes."""
    end, last, total = 0, 0, 0
    for path in files:
        end = _end(path)
        with h5py.File(path) as file:
            groups: Any = file.get("spikes", {})
            for steps in (g["step"] for g in groups.values() if "step" in g):
                total += len(steps)
                last = max(last, int(steps[-1]) if len(steps) else 0)
    return end, 0 if most is None or total <= most else round(last * (1 - most / total))


def _read(pieces: dict[str, list], name: str, x: Any, first: int) -> None:
    """Add a dataset to those of its name; spikes from a step on, which are in order of time."""
    if not isinstance(x, h5py.Dataset):
        return
    begin = 0
    if first and name.startswith("spikes/"):
        folder: Any = x.parent
        begin = bisect_left(folder["step"], first)
    rows: Any = x
    pieces.setdefault(name, []).append(rows[begin:])
