"""What a simulation returns: time, voltage, current, states, and how each solve ended."""

import dataclasses
import json
import re
import warnings
from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import BoundsError, SolveError
from ..runtime.copies import copied
from ..runtime.flags import check_flags
from .html import extent_table, inline_picture, or_text, pictures, text_card
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
    known values are checked before the solve; those of traced ones can only be checked in it.) With a state
    beyond `RUNAWAY` times its scale; with fixed steps far longer than a state that they take explicitly needs to decay.
    """

    successful = 0
    step_limit = 1
    not_finite = 2
    newton_failed = 3
    step_underflow = 4
    clock_too_slow = 5
    out_of_bounds = 6
    runaway = 7
    step_too_long = 8


RUNAWAY = 1e9
"""Size of a state over its scale beyond which fixed steps have run away: no device has such a one."""

HOPELESS, HOPELESS_IN_PASSING = 10.0, 100.0
"""Products of a fixed step and a rate at which a state that is taken explicitly acts on itself, above which the step is
too long: where the state decays, and of any rate."""

_REMEDIES = {
    Result.step_limit: "allow more steps (mj.Stiff(max_steps=...)), looser tolerances, a shorter drive or mj.Fixed(dt)",
    Result.not_finite: "take a smaller step, or parameters under which the state stays finite",
    Result.newton_failed: "take a smaller step, mj.Fixed(dt), or mj.Stiff()",
    Result.step_underflow: "take a shorter drive, or parameters whose fastest rate lies within 1e15 of its length",
    Result.clock_too_slow: "say a faster clock, mj.Stiff(clock=...)",
    Result.out_of_bounds: "keep values inside the bounds that memjax models NAME prints",
    Result.runaway: "take a smaller step, or mj.Stiff()",
    Result.step_too_long: "take a smaller step, mj.solver.SemiImplicitEuler(damped=True), or mj.Stiff()",
}


def failure_remedy(codes: np.ndarray) -> str:
    """Return advice on failed solves: one clause for each way in which they ended."""
    ways = [Result(c) for c in np.unique(codes[codes != 0])]
    return "; ".join(f"{way.name}: {_REMEDIES[way]}" for way in ways)


def _count_failures(codes: np.ndarray) -> str:
    """How many solves failed, and the ways in which they did."""
    bad = codes[codes != 0]
    ways = ", ".join(f"{Result(c).name} {np.sum(bad == c)}x" for c in np.unique(bad))
    return f"{bad.size} of {codes.size} solves failed ({ways})"


_NOTES = "memjax_notes"
"""Attribute of a dataset that holds all notes as JSON; each stands there as text too, for people."""

_DEVICE_COLUMNS = (("v_device", "v_device_V", "v_V"), ("i_device", "i_device_A", "i_A"))
"""Field of a trace, its column, and the column that is the same where no bench stood around the device."""


def _as_jax(values: np.ndarray) -> Array:
    """The values as JAX holds them, with a warning where that is with fewer digits."""
    narrow = jax.dtypes.canonicalize_dtype(values.dtype)
    if narrow != values.dtype and values.dtype.kind == "f":
        warnings.warn(f"{values.dtype} is cut to {narrow}: enable jax_enable_x64", stacklevel=3)
    return jnp.asarray(values.astype(narrow))


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
    """State at the end of a simulation, from which the next one goes on; a mapping of the states.

    Parameters
    ----------
    state : dict of str to Float[Array, "members ..."]
        States at the last row [SI], as the trace shows them.
    drive : Float[Array, "..."] or None
        Value of the source just before, at which the states of a circuit's nodes are meant [V or A]; None of a device.
    model : str
        Of what these are the states, in words; nothing where that is not known.
    """

    state: dict[str, Float[Array, "members ..."]]
    drive: Float[Array, "..."] | None
    model: str = eqx.field(static=True, default="")

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
        Log-probability of the pattern of jumps of each solve, for `memjax.core.expected`.
    events : dict of str to Crossing
        Crossings of levels that `simulate` was asked for, by name.
    integrals : dict of str to Float[Array, "members rows"]
        Integrals from the start of the sweep to each row that it was asked for, by name.
    final : FinalState or None
        Where the simulation ended: what `simulate` takes as `initial` to go on.
    units : dict
        Unit of each state.
    notes : dict
        Provenance: model, policy, seed, what was driven, and by which backend it was solved.
    """

    t: Float[Array, " rows"] = eqx.field(converter=copied)
    sweep: Int[np.ndarray, " rows"] = eqx.field(converter=copied)
    v: Float[Array, "members rows"] = eqx.field(converter=copied)
    i: Float[Array, "members rows"] = eqx.field(converter=copied)
    state: dict[str, Float[Array, "members rows ..."]] = eqx.field(converter=copied)
    v_device: Float[Array, "members rows"] = eqx.field(converter=copied)
    i_device: Float[Array, "members rows"] = eqx.field(converter=copied)
    result: Int[Array, "members sweeps"] = eqx.field(converter=copied)
    accepted: Int[Array, "members sweeps"] | None = eqx.field(default=None, converter=copied)
    rejected: Int[Array, "members sweeps"] | None = eqx.field(default=None, converter=copied)
    pattern: Float[Array, "members sweeps"] | None = None
    events: dict[str, Crossing] = eqx.field(default_factory=dict)
    integrals: dict[str, Float[Array, "members rows"]] = eqx.field(
        default_factory=dict, converter=copied
    )
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
        ending = "traced"
        if not isinstance(self.result, jax.core.Tracer):
            codes = np.asarray(self.result)
            ending = _count_failures(codes) if np.any(codes != 0) else "all solves ended well"
        return (
            f"Trace({model}: {members} members, {len(np.unique(self.sweep))} sweeps, {rows} rows; "
            f"states {', '.join(self.state)}; {policy}; {seed}{ending})"
        )

    def _repr_html_(self) -> str | None:
        """The text, smallest and largest values with units, and the picture of `plot` of members that were solved."""
        return or_text(self._html) if np.ndim(self.v) == 2 else None

    def _html(self) -> str:
        """See `_repr_html_`."""
        columns = {"t": (self.t, "s"), "v": (self.v, "V"), "i": (self.i, "A")}
        columns |= {n: (x, self.units.get(n, "1")) for n, x in self.state.items()}
        good = self.good()
        picture = inline_picture(good.plot) if len(good.v) else ""
        return text_card(self._text(), picture, extent_table(columns))

    def plot(self, *, kind: str = "auto") -> Any:
        """Draw it, see `memjax.plot.overview`: a figure, with current against voltage or signals over time."""
        return pictures().overview(self, kind=kind)

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
                fix=f"{failure_remedy(codes)}; or drop these members with trace.good()",
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
        check_flags({"failed": failed}, where="Trace.member")
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

        def pick(x):
            return x[keep]

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

        check_flags({"device": device, "failed": failed}, where="Trace.to_pandas")
        if not failed:
            self.check()
        members, rows = self.v.shape

        def flat(x):
            return np.asarray(x).reshape(members * rows, *np.shape(x)[2:])

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

    @classmethod
    def from_xarray(cls, dataset: "xarray.Dataset") -> "Trace":
        """The trace of a dataset that `to_xarray` gave or ``memjax simulate --out OUT.nc`` wrote.

        Raises
        ------
        BoundsError
            If variables are missing.

        Notes
        -----
        Events, integrals and the final state are no part of a dataset; `memjax.save` writes all of a trace.
        """
        held = {str(n): np.asarray(x.values) for n, x in dataset.variables.items()}
        missing = [n for n in ("t", "sweep", "v", "i", "result") if n not in held]
        if missing:
            raise BoundsError(
                f"no variable {', '.join(missing)}",
                where="Trace.from_xarray",
                allowed="a dataset of Trace.to_xarray",
            )
        standard_names = ("t", "sweep", "v", "i", "v_device", "i_device", "result")
        states = [str(n) for n in dataset.data_vars if n not in standard_names]
        device = {f"{n}_device": held.get(f"{n}_device", held[n]) for n in ("v", "i")}
        rows = {n: held[n] for n in ("t", "v", "i", "result")} | device
        fields: dict[str, Any] = {n: _as_jax(x) for n, x in rows.items()}
        return cls(
            **fields,
            sweep=held["sweep"],
            state={n: _as_jax(held[n]) for n in states},
            units={n: str(dataset[n].attrs.get("units", "1")) for n in states},
            notes=json.loads(dataset.attrs.get(_NOTES, "{}")),
        )

    @classmethod
    def from_pandas(
        cls, frame: "pandas.DataFrame", *, units: Mapping[str, str] | None = None
    ) -> "Trace":
        """The trace of a table that `to_pandas` gave or ``memjax simulate`` wrote as CSV; all its solves ended well.

        Parameters
        ----------
        frame : pandas.DataFrame
            Columns member, sweep, t_s, v_V, i_A, states (vectors as name_0, name_1, ...).
        units : mapping of str to str, optional
            Units of states; "1" where none is given.

        Raises
        ------
        BoundsError
            If columns are missing, or members have other rows.
        """
        columns = ("member", "sweep", "t_s", "v_V", "i_A")
        missing = [n for n in columns if n not in frame.columns]
        members = [] if missing else [part for _, part in frame.groupby("member", sort=False)]
        if missing or len({len(part) for part in members}) != 1:
            raise BoundsError(
                f"no column {', '.join(missing)}" if missing else "members of different length",
                where="Trace.from_pandas",
                allowed="a table of Trace.to_pandas",
            )

        def column(n):
            return _as_jax(np.stack([part[n].to_numpy() for part in members]))

        first = members[0]
        state_columns = [
            n for n in frame.columns if n not in (*columns, "v_device_V", "i_device_A")
        ]
        state = {n: column(n) for n in state_columns}
        for name in dict.fromkeys(re.sub(r"_0$", "", n) for n in state_columns if n.endswith("_0")):
            parts = [f"{name}_{k}" for k in range(len(state_columns)) if f"{name}_{k}" in state]
            state[name] = jnp.stack([state.pop(n) for n in parts], axis=-1)
        device: dict[str, Any] = {
            n: column(c if c in frame.columns else d) for n, c, d in _DEVICE_COLUMNS
        }
        sweeps = len(np.unique(first["sweep"]))
        return cls(
            t=_as_jax(first["t_s"].to_numpy()),
            sweep=first["sweep"].to_numpy(),
            v=column("v_V"),
            i=column("i_A"),
            **device,
            state=state,
            result=jnp.zeros((len(members), sweeps), int),
            units={n: (units or {}).get(n, "1") for n in state},
        )

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
        notes = {k: str(v) for k, v in self.notes.items()}
        return xr.Dataset(data, coords, notes | {_NOTES: json.dumps(self.notes, default=str)})
