"""What a simulation is asked for beside its model and its drive: conditions, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.system import Environment
from ..core.watch import Event, Integral, TimeAbove
from ..runtime.flags import check_flags


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditions:
    """Conditions of a simulation: its surroundings, and the states and parameters of its members.

    Parameters
    ----------
    env : Environment, optional
        Temperature.
    initial : mapping of str to float or Float[Array, "members ..."], optional
        States [SI] from which the solve starts, those that are not given at rest; or `Trace.final` of an earlier
        simulation. The noise of a second simulation is that of the first unless it has another seed.
    carry_state : bool, optional
        Whether a sweep starts where the last one ended; by default if the device is not volatile.
    values : mapping of str to Float[Array, "members sweeps"], optional
        Parameters that differ between members and sweeps [SI]; `compliance` and `compliance_negative` of a bench too.
    """

    env: Environment | None = None
    initial: Mapping[str, Any] | None = None
    carry_state: bool | None = None
    values: Mapping[str, Any] | None = None

    def __post_init__(self):
        # Whether the state is carried may be left to the model.
        flags = {} if self.carry_state is None else {"carry_state": self.carry_state}
        check_flags(flags, where="simulate")


@dataclass(frozen=True, kw_only=True, eq=False)
class Output:
    """Output of a simulation beside its rows, what computes it, and how it reports.

    Parameters
    ----------
    labels : sequence of int, optional
        Labels of the sweeps; 0, 1, ... by default.
    events : mapping of str to Event, or a sequence of such mappings, optional
        Crossings of levels, found on the solver's own steps: `Trace.events`. A sequence has one mapping per sweep.
    integrals : mapping of str to Integral or TimeAbove, or sequence of str
        What the solve integrates, ``("charge", "energy")`` of the source for example: `Trace.integrals`.
    progress : bool
        Whether to show a progress bar on standard error.
    on_failure : {"warn", "raise", "ignore"}
        A `SolveWarning`, a `SolveError`, or nothing where solves failed; under jit look at `result`.
    backend : str, optional
        "auto", "cc" or "xla", see `memjax.use_backend`; by default the one that is in use. The trace's `notes` say
        what computed it. Another name is a `UsageError`.
    """

    labels: Sequence[int] | None = None
    events: Mapping[str, Event] | Sequence[Mapping[str, Event]] | None = None
    integrals: Mapping[str, Integral | TimeAbove] | Sequence[str] = ()
    progress: bool = False
    on_failure: str = "warn"
    backend: str | None = None

    def __post_init__(self):
        check_flags({"progress": self.progress}, where="simulate")
