"""A run of a network into a folder: the simulation yields stretches, and the store of the folder keeps them."""

import contextlib
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from ..circuit.power import kinds_of_elements
from ..errors import NetworkError, SolveError
from ..lanes.choice import use_backend
from ..runtime.deprecated import forward_keywords
from ..runtime.files import lock_folder
from ..runtime.flags import check_flags
from .energy import energy_report, poisson_stimuli
from .groups import Group, Neurons
from .network import Network
from .plan import record_steps
from .run_store import (
    CONDUCTANCES,
    SAVE_INTERVAL,
    SCHEMA_VERSION,
    STEP_CHECKS,
    RunFolder,
    clear_folder,
    discard_beginning,
    load_recording,
    merge_parts,
    open_folder,
    write_description,
)
from .simulation import Simulation, conductance_exchanges


class _DeferredInterrupt:
    """Ctrl-C takes effect between two stretches; a second one at once."""

    def __init__(self):
        self.requests, self.before = False, None

    def __enter__(self) -> "_DeferredInterrupt":
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGINT, self._ask)
        return self

    def _ask(self, number: int, frame: Any) -> None:
        if number == signal.SIGINT and self.before == signal.SIG_IGN:
            return  # a job in the background of a script
        if self.requests:
            raise KeyboardInterrupt
        self.requests = True

    def __exit__(self, *_: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)


def _description(
    network: Network,
    duration: float,
    watch: Mapping[str, Sequence[int]] | None,
    extra: Mapping[str, Any] | None,
    *,
    every: float | None,
    conductances_every: float | None,
    energy: bool,
) -> dict[str, Any]:
    """Content of `run.json` at the start of a run."""
    clock = network.clock
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "running",
        "digest": network.digest(),
        "dt_s": clock.dt,
        "exchange_steps": clock.steps,
        "duration_s": network.steps(duration) * clock.dt,
        "seed": network.seed,
        "watch": {n: [int(m) for m in numbers] for n, numbers in (watch or {}).items()},
        "record_steps": record_steps(clock, every),
        "energy_ledger": energy,
        "conductance_exchanges": conductance_exchanges(network, conductances_every),
        "wall_s": 0.0,
        "stiffness": {},
        "groups": {g.name: _group(g, energy) for g in network.groups},
        "projections": {p.name: {"edges": len(p.edges)} for p in network.projections},
        "versions": {n: version(n) for n in ("memjax", "jax", "numpy")},
        **(extra or {}),
    }


def _group(group: Group, energy: bool) -> dict[str, Any]:
    """Entry of a group in `run.json`."""
    content: dict[str, Any] = {"kind": type(group).__name__, "n": group.n}
    if isinstance(group, Neurons):
        content["units"] = {s.name: s.unit for s in group.circuit.specs}
        content |= {"elements": kinds_of_elements(group.circuit)} if energy else {}
    return content


@dataclass(frozen=True, kw_only=True)
class FolderSettings:
    """How the folder of a run is opened and written.

    Parameters
    ----------
    resume : bool
        Whether to go on from the last checkpoint of the same network.
    force : bool
        Whether an earlier run may be replaced.
    save_interval : float
        Time of computing after which what was simulated is written [s].
    progress : bool
        Whether a line shows how far the run has come.
    extra : mapping, optional
        Further entries of `run.json`.
    stimuli : mapping of str to tuple of (float, int), optional
        Length [s] and number of the stimuli of groups of sources, for the energy of each; those of `Poisson` groups.
    """

    resume: bool = False
    force: bool = False
    save_interval: float = SAVE_INTERVAL
    progress: bool = False
    extra: Mapping[str, Any] | None = None
    stimuli: Mapping[str, tuple[float, int]] | None = None

    def __post_init__(self):
        flags = {n: getattr(self, n) for n in ("resume", "force", "progress")}
        check_flags(flags, where="run_network")


@forward_keywords(groups={"folder": FolderSettings})
def run_network(
    network: Network,
    duration: float,
    out: str | Path,
    *,
    folder: FolderSettings | None = None,
    watch: Mapping[str, Sequence[int]] | None = None,
    devices: Sequence[Any] | None = None,
    every: float | None = None,
    conductances_every: float | None = None,
    energy: bool = False,
    backend: str | None = None,
) -> Path:
    """Simulate a network into a folder.

    Parameters
    ----------
    network : Network
        What is simulated.
    duration : float
        Time [s] from its beginning, also where a run is resumed.
    out : str or Path
        Folder: `recording.h5`, `run.json`, and `checkpoint.npz`, from which a longer run goes on.
    folder : FolderSettings, optional
        Whether the run goes on from a checkpoint or replaces an earlier one, and what is written and shown beside it.
    watch, every, conductances_every, devices, energy, backend
        See `memjax.network.run`; `run.json` says what computed it.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError, NetworkError
        Where it cannot be written; what was recorded before stays whole. To resume another network.
    KeyboardInterrupt
        After Ctrl-C: all that was simulated is on disk.
    """
    began, choice = time.perf_counter(), use_backend(backend)
    check_flags({"energy": energy}, where="run_network")
    settings = folder or FolderSettings()
    opening = {"resume": settings.resume, "force": settings.force}
    log: dict[str, Any] = dict(every=every, conductances_every=conductances_every, energy=energy)
    content = _description(network, duration, watch, settings.extra, **log)
    writes = jax.process_index() == 0
    place = open_folder(Path(out), content, **opening) if writes else Path(out)
    with lock_folder(place) if writes else contextlib.nullcontext():
        if writes:
            clear_folder(place, **opening)
            write_description(place, content)
        with choice:
            simulation = Simulation(network, watch=watch, devices=devices, **log)
        _complete_description(content, simulation, place if writes else None)
        store, start = RunFolder(place, settings.save_interval), simulation.conductances()
        if settings.resume:
            store.restore(simulation, content)
        try:
            finished = _simulate(simulation, store, network.steps(duration), settings.progress)
        except (SolveError, NetworkError):
            if writes:
                discard_beginning(place)
            raise
        at_end = _at_end(simulation, start)
        if writes:
            merge_parts(store, network, simulation.done, at_end)
            content |= _outcome(simulation, place, settings.stimuli)
            content["wall_s"] += time.perf_counter() - began
            content["status"] = "done" if finished else "interrupted"
            write_description(place, content)
    if not finished:
        raise KeyboardInterrupt
    return place


def _complete_description(
    content: dict[str, Any], simulation: Simulation, folder: Path | None
) -> None:
    """Add the backend and, for a ledger, the powers at rest to the description, before the first part is written."""
    content["backend"] = simulation.backend
    for name, powers in simulation.rest_powers().items():
        content["groups"][name]["rest_W"] = powers
    if folder is not None:
        write_description(folder, content)


def _outcome(simulation: Simulation, folder: Path, stimuli: Mapping | None) -> dict[str, Any]:
    """Time, checks of the step and ledgers of a run that has ended, for `run.json`."""
    network = simulation.network
    outcome: dict[str, Any] = {"simulated_s": simulation.done * network.clock.dt}
    outcome |= {k: getattr(simulation, k) for k in STEP_CHECKS} | {"notes": simulation.notes()}
    outcome["kernels"] = simulation.kernels
    if simulation.energy:
        intervals = poisson_stimuli(network.groups) if stimuli is None else stimuli
        outcome["energy"] = energy_report(load_recording(folder, most=0).energy, intervals)
    return outcome


def _simulate(simulation: Simulation, store: RunFolder, end: int, progress: bool) -> bool:
    """Simulate up to a step, part after part; return whether it was reached."""
    with _DeferredInterrupt() as interrupt:
        for stretch in simulation.advance(max(end - simulation.done, 0), progress=progress):
            store.pending.append(stretch)
            if store.due() or interrupt.requests:
                store.flush(simulation)
            if interrupt.requests:
                return simulation.done >= end
        store.flush(simulation)
    return True


def _at_end(simulation: Simulation, start: Mapping[str, Any]) -> dict[str, Any]:
    """Datasets that are written when a run has ended, by path; `start` holds the first conductances."""
    arrays = {}
    for kind in ("statistics", "states"):
        for name, table in getattr(simulation, kind)().items():
            arrays |= {f"{kind}/{name}/{key}": x for key, x in table.items()}
    for name, g in simulation.conductances().items():
        arrays |= {f"{CONDUCTANCES}/{name}/start": start[name], f"{CONDUCTANCES}/{name}/end": g}
    return arrays
