"""Action of the spikes of one group on another: receptors, weights and delays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NetworkError
from ..runtime.copies import copy_arrays
from .checks import are_finite, is_number, require, require_kind, require_numbers, require_texts
from .edges import Edges
from .weights import ConductanceOf, DriftWeights


@dataclass(frozen=True, kw_only=True)
class Receptor:
    r"""Response of a neuron to an arriving spike.

    Parameters
    ----------
    tau : float, optional
        Time constant with which the effect of a spike decays [s].
    width : float, optional
        Or length of a rectangular pulse [s]; a multiple of the network's dt.
    port : str, optional
        Driven source of the circuit on which it acts; the first by default.
    reversal : float, optional
        Reversal voltage [V]. With it, the sum of arrivals is a conductance at the port's node.

    Notes
    -----
    With arrivals :math:`t_k` of weights :math:`w_k`, :math:`s(t) = \sum_k w_k e^{-(t - t_k)/\tau}` (or
    :math:`w_k` for the time of the width) is added to the source's value, in its unit; with a reversal
    voltage :math:`E` the port, a current source, gives :math:`s(t)\,(E - V)` and weights are
    conductances [S].
    """

    tau: float | None = None
    width: float | None = None
    port: str | None = None
    reversal: float | None = None

    def __post_init__(self):
        require_numbers("Receptor", tau=self.tau, width=self.width, reversal=self.reversal)
        require_texts("Receptor", port=self.port)
        times = [x for x in (self.tau, self.width) if x is not None]
        if len(times) != 1 or not times[0] > 0:
            raise NetworkError(
                f"tau = {self.tau}, width = {self.width}",
                where="Receptor",
                allowed="one of them, finite and > 0 s",
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """Connections from one group to another.

    Parameters
    ----------
    pre, post : str
        Names of the groups.
    edges : Edges
        The connections.
    receptor : Receptor
        Time course of the effect of a spike.
    weight : float or Float[np.ndarray, "edges"] or ConductanceOf or DriftWeights
        Size of the effect [V, A or S, see `Receptor`]; conductances of devices take a `tau`.
    delay : float
        Time from a spike to its effect [s], where the edges have none of their own; a multiple of the network's dt.
        Delays of edges are taken to the nearest multiple, at least one, and a run says where that changes them.
    name : str
        Name in records; "pre-post" by default.
    """

    pre: str
    post: str
    edges: Edges
    receptor: Receptor
    weight: Any
    delay: float = 1e-3
    name: str = ""

    def __post_init__(self):
        require_texts("Projection", pre=self.pre, post=self.post, name=self.name)
        copy_arrays(self, "weight")
        if not self.name:
            object.__setattr__(self, "name", f"{self.pre}-{self.post}")
        require_kind(Edges, self.where, edges=self.edges)
        require_kind(Receptor, self.where, receptor=self.receptor)
        require(
            is_number(self.delay), "delay", self.delay, where=self.where, allowed="a number > 0 s"
        )
        delays = self.edges.delay if self.edges.delay is not None else np.asarray(self.delay)
        if not (np.all(np.isfinite(delays)) and np.all(delays > 0)):
            raise NetworkError(
                "a delay that is not finite and positive", where=self.where, allowed="> 0 s"
            )
        if isinstance(self.weight, ConductanceOf | DriftWeights):
            if self.receptor.width is not None:
                raise NetworkError(
                    "devices as weights of rectangular pulses",
                    where=self.where,
                    allowed="a receptor with tau: a weight may change before a pulse ends",
                )
            return
        fine = are_finite(self.weight)
        require(fine, "weight", self.weight, where=self.where, allowed="finite numbers, or devices")
        w = np.asarray(self.weight, float)
        if w.ndim > 1 or (w.ndim == 1 and len(w) != len(self.edges)):
            raise NetworkError(
                f"{w.shape} weights for {len(self.edges)} edges",
                where=self.where,
                allowed="one, or one per edge",
            )

    @property
    def where(self) -> str:
        """How errors call it."""
        return f"projection {self.name!r}"
