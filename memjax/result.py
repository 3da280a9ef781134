"""What a simulation returns: time, voltage, current, states, and how each solve ended."""

import dataclasses
from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.core
import numpy as np
from jaxtyping import Array, Float, Int

from .errors import BoundsError, SolveError
from .reprs import of_tree
from .watch import Crossing

if TYPE_CHECKING:
    import pandas
    import xarray


class Result(IntEnum):
    """How a solve ended.

    Well; with more steps than allowed; at a state or drift that is no number; with an implicit step
    that could not be solved; with steps below the resolution of time; with jumps more frequent than
    their bound says; at parameters out of their bounds, whatever the solve did with them. (Bounds of
    known values are checked before the solve; those of traced ones can only be checked in it.)
    """

    successful = 0
    step_limit = 1
    not_finite = 2
    newton_failed = 3
    step_underflow = 4
    clock_too_slow = 5
    out_of_bounds = 6


def _count_failures(codes: np.ndarray) -> str:
    """How many solves failed, and the ways in which they did."""
    bad = codes[codes != 0]
    ways = ", ".join(f"{Result(c).name} {np.sum(bad == c)}x" for c in np.unique(bad))
    return f"{bad.size} of {codes.size} solves failed ({ways})"


class Member(eqx.Module):
    """One member of a trace, in NumPy, as observables read it.

    Parameters
    ----------
    t, v, i : Float[np.ndarray, "points"]
        Time in the sweep [s], voltage [V], current [A].
    sweep : Int[np.ndarray, "points"]
        Label of the sweep.
    driven : {"voltage", "current"}
        What the source imposed.
    """

    t: Float[np.ndarray, " points"]
    v: Float[np.ndarray, " points"]
    i: Float[np.ndarray, " points"]
    sweep: Int[np.ndarray, " points"]
    driven: str = eqx.field(static=True, default="voltage")


class FinalState(eqx.Module):
    """Where a simulation ended, for the next one to go on from; a mapping of the states.

    Parameters
    ----------
    state : dict of str to Float[Array, "members ..."]
        States at the last row [SI], as the trace shows them.
    drive : Float[Array, "..."] or None
        Value of the source just before, at which the states of a circuit's nodes are meant [V or A]; None of a device.
    """

    state: dict[str, Float[Array, "members ..."]]
    drive: Float[Array, "..."] | None

    def keys(self):
        """Names of the states."""
        return self.state.keys()

    def __getitem__(self, name: str) -> Float[Array, "members ..."]:
        return self.state[name]

    def __iter__(self):
        return iter(self.state)

    def __len__(self) -> int:
        return len(self.state)


Mapping.register(FinalState)  # pyright: ignore[reportAttributeAccessIssue]  # abc has it


class Trace(eqx.Module):
    """Rows of a simulation, or of a measurement brought to the same form.

    Parameters
    ----------
    t : Float[Array, "rows"]
        Time within the sweep [s].
    sweep : Int[Array, "rows"]
        Label of the sweep.
    v, i : Float[Array, "members rows"]
        Voltage [V] and current [A] at the instrument's terminals; positive current flows into the
        positive one.
    state : dict of str to Float[Array, "members rows ..."]
        States [SI].
    v_device, i_device : Float[Array, "members rows"]
        Voltage [V] and current [A] of the device itself.
    result : Int[Array, "members sweeps"]
        How each solve ended, a `Result`.
    accepted, rejected : Int[Array, "members sweeps"] or None
        Steps that each solve took, and those that it refused.
    pattern : Float[Array, "members sweeps"] or None
        Log-probability of the pattern of jumps of each solve, for `memjax.expected`.
    events : dict of str to Crossing
        Crossings of levels that `simulate` was asked for, by name.
    integrals : dict of str to Float[Array, "members rows"]
        Integrals from the start of the sweep to each row that it was asked for, by name.
    final : FinalState or None
        Where the simulation ended: what `simulate` takes as `initial` to go on.
    units : dict
        Unit of each state.
    notes : dict
        Provenance: model, policy, seed, what was driven.
    """

    t: Float[Array, " rows"]
    sweep: Int[np.ndarray, " rows"]
    v: Float[Array, "members rows"]
    i: Float[Array, "members rows"]
    state: dict[str, Float[Array, "members rows ..."]]
    v_device: Float[Array, "members rows"]
    i_device: Float[Array, "members rows"]
    result: Int[Array, "members sweeps"]
    accepted: Int[Array, "members sweeps"] | None = None
    rejected: Int[Array, "members sweeps"] | None = None
    pattern: Float[Array, "members sweeps"] | None = None
    events: dict[str, Crossing] = eqx.field(default_factory=dict)
    integrals: dict[str, Float[Array, "members rows"]] = eqx.field(default_factory=dict)
    final: "FinalState | None" = None
    units: dict = eqx.field(static=True, default_factory=dict)
    notes: dict = eqx.field(static=True, default_factory=dict)

    def __repr__(self) -> str:
        """Model, members, sweeps, rows, states, policy, and how the solves ended."""
        if np.ndim(self.v) != 2:  # a batch of traces, or a tree of anything else
            return eqx.tree_pformat(self)
        return of_tree(self, self._text)

    def _text(self) -> str:
        """See `__repr__`."""
        members, rows = np.shape(self.v)
        model, policy = (str(self.notes.get(k, "?")) for k in ("model", "policy"))
        seed = "" if self.notes.get("deterministic", True) else f"seed {self.notes.get('seed')}; "
        ended = "traced"
        if not isinstance(self.result, jax.core.Tracer):
            codes = np.asarray(self.result)
            ended = _count_failures(codes) if np.any(codes != 0) else "all solves ended well"
        return (
            f"Trace({model}: {members} members, {len(np.unique(self.sweep))} sweeps, {rows} rows; "
            f"states {', '.join(self.state)}; {policy}; {seed}{ended})"
        )

    def _codes(self, use: str) -> np.ndarray:
        """How solves ended, where that is known.

        Raises
        ------
        SolveError
            Under a transformation of JAX, where it is not.
        """
        if isinstance(self.result, jax.core.Tracer):
            raise SolveError(
                f"`{use}` of a trace whose `result` is traced",
                allowed="a trace outside jit, grad and vmap",
                fix="read its arrays (v, i, state), and return `trace.result` to look at it outside",
            )
        return np.asarray(self.result)

    @property
    def failed(self) -> np.ndarray:
        """Members of which a solve did not end well."""
        return np.flatnonzero(np.any(self._codes("failed") != 0, axis=1))

    def check(self) -> "Trace":
        """The trace itself, if every solve ended well.

        Raises
        ------
        SolveError
            With the number, the members and the ways in which solves ended.
        """
        codes = self._codes("check")
        if np.any(codes != 0):
            raise SolveError(
                _count_failures(codes),
                where=f"members {self.failed[:8].tolist()}",
                fix="take a smaller step or looser tolerances, or drop these members with trace.good()",
            )
        return self

    def member(self, m: int, *, failed: bool = False) -> Member:
        """Member number `m`.

        Parameters
        ----------
        m : int
            Number in this trace, from 0; negative from the end.
        failed : bool
            Whether a member of which a solve failed is given too: its rows are then no solution.

        Raises
        ------
        SolveError
            If a solve of it failed.
        BoundsError
            If there is no such member.
        """
        count = self.result.shape[0]
        if not isinstance(m, int | np.integer) or not -count <= m < count:
            raise BoundsError(f"member {m!r}", where="Trace.member", allowed=f"0 to {count - 1}")
        codes = self._codes("member")[m]
        if np.any(codes != 0) and not failed:
            raise SolveError(
                _count_failures(codes),
                where=f"member {m}",
                fix="take trace.good(), which drops such members, or say trace.member(m, failed=True)",
            )
        rows = (np.asarray(x) for x in (self.t, self.v[m], self.i[m], self.sweep))
        return Member(*rows, driven=self.notes.get("driven", "voltage"))

    def good(self) -> "Trace":
        """The trace without members of which a solve failed."""
        keep = np.setdiff1d(np.arange(self.result.shape[0]), self.failed)
        pick = lambda x: x[keep]  # noqa: E731
        names = ("v", "i", "state", "v_device", "i_device", "result", "events", "integrals")
        names += tuple(
            n for n in ("accepted", "rejected", "pattern") if getattr(self, n) is not None
        )
        parts = {n: jax.tree.map(pick, getattr(self, n)) for n in names}
        if self.final is not None:
            state = jax.tree.map(pick, self.final.state)
            parts["final"] = dataclasses.replace(self.final, state=state)
        return dataclasses.replace(self, **parts)

    def to_pandas(self, *, device: bool = False, failed: bool = False) -> "pandas.DataFrame":
        """One row per member and point: member, sweep, t_s, v_V, i_A, states (vectors as name_0, name_1, ...).

        Parameters
        ----------
        device : bool
            Whether to add v_device_V and i_device_A.
        failed : bool
            Whether rows of members of which a solve failed are given too; they are not marked.

        Raises
        ------
        SolveError
            If a solve failed, unless `failed`: `good` drops such members.
        """
        import pandas as pd

        if not failed:
            self.check()
        members, rows = self.v.shape
        flat = lambda x: np.asarray(x).reshape(members * rows, *np.shape(x)[2:])  # noqa: E731
        columns = {
            "member": np.repeat(np.arange(members), rows),
            "sweep": np.tile(np.asarray(self.sweep), members),
            "t_s": np.tile(np.asarray(self.t), members),
            "v_V": flat(self.v),
            "i_A": flat(self.i),
        }
        for name, values in self.state.items():
            values = flat(values)
            parts = (
                {name: values}
                if values.ndim == 1
                else {f"{name}_{k}": c for k, c in enumerate(values.T)}
            )
            columns |= parts
        if device:
            columns |= {"v_device_V": flat(self.v_device), "i_device_A": flat(self.i_device)}
        return pd.DataFrame(columns)

    def to_xarray(self) -> "xarray.Dataset":
        """Dataset over (member, row) with coordinates sweep and t, units in the attributes."""
        import xarray as xr

        dims = ("member", "row")
        unit = {"v": "V", "i": "A", "v_device": "V", "i_device": "A"}
        data: dict[str, tuple] = {
            k: (dims, np.asarray(getattr(self, k)), {"units": u}) for k, u in unit.items()
        }
        for name, values in self.state.items():
            extra = tuple(f"{name}_component" for _ in range(values.ndim - 2))
            data[name] = (dims + extra, np.asarray(values), {"units": self.units.get(name, "1")})
        data["result"] = (
            ("member", "solve"),
            np.asarray(self.result),
            {"meaning": str([r.name for r in Result])},
        )
        coords = {
            "t": ("row", np.asarray(self.t), {"units": "s"}),
            "sweep": ("row", np.asarray(self.sweep)),
        }
        return xr.Dataset(data, coords, {k: str(v) for k, v in self.notes.items()})
