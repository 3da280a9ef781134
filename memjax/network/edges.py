"""Connections: edges from one group to another, and rules that make them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..errors import NetworkError
from ..runtime.arguments import as_integer
from ..runtime.copies import copy_arrays
from ..runtime.flags import check_flags
from ..runtime.memory import check_size
from .checks import are_finite, require

_EDGE = 32
"""Bytes of a connection while a rule makes it: both ends, drawn with 64 bits, and what puts them in order."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Connections from the members of one group to those of another.

    Parameters
    ----------
    pre, post : Int[np.ndarray, "edges"]
        Numbers of the members at both ends, from 0. A pair may occur more than once.
    delay : Float[np.ndarray, "edges"], optional
        Delay of each [s]; without it a projection has one for all.
    """

    pre: Int[np.ndarray, " edges"]
    post: Int[np.ndarray, " edges"]
    delay: Float[np.ndarray, " edges"] | None = None

    def __post_init__(self):
        copy_arrays(self, "pre", "post", "delay")
        ends = [np.asarray(x) for x in (self.pre, self.post)]
        fine = all(x.ndim == 1 and np.issubdtype(x.dtype, np.integer) for x in ends)
        if not fine or len(ends[0]) != len(ends[1]):
            raise NetworkError(
                f"ends of shapes {ends[0].shape} and {ends[1].shape}, {ends[0].dtype} and {ends[1].dtype}",
                where="Edges",
                allowed="two lists of whole numbers, equally long",
            )
        delay = self.delay
        fine = delay is None or are_finite(delay)
        require(fine, "delay", delay, where="Edges", allowed="finite numbers, one per edge")
        if delay is not None and np.shape(delay) != ends[0].shape:
            raise NetworkError(
                f"{np.size(delay)} delays for {len(ends[0])} edges",
                where="Edges",
                allowed="one per edge",
            )

    def __len__(self) -> int:
        """How many there are."""
        return len(self.pre)


def _check_edges(count: int, where: str) -> None:
    """Refuse more connections than memory holds, before any is drawn."""
    fix = "fewer members, or a smaller fan-in"
    check_size(count, _EDGE, what="connections", where=where, error=NetworkError, fix=fix)


def dense(n_pre: int, n_post: int, *, themselves: bool = True) -> Edges:
    """Connect each member of one group to each member of the other.

    Parameters
    ----------
    n_pre, n_post : int
        Sizes of the groups.
    themselves : bool
        Whether members of equal number are connected.
    """
    check_flags({"themselves": themselves}, where="dense")
    _check_edges(n_pre * n_post, "dense")
    # 32 bits: half the memory, and no group has as many members.
    pre = np.repeat(np.arange(n_pre, dtype=np.int32), n_post)
    post = np.tile(np.arange(n_post, dtype=np.int32), n_pre)
    keep = slice(None) if themselves else pre != post
    return Edges(pre[keep], post[keep])


def to_circuits(edges: Edges, end: str) -> Edges:
    """Connect one end of each edge to the circuit of a group that has one circuit per edge.

    Parameters
    ----------
    edges : Edges
        The connections whose weights are read off those circuits, see `ConductanceOf`.
    end : {"pre", "post"}
        Which end: spikes of presynaptic, or of postsynaptic members reach the circuits of their edges.

    Raises
    ------
    NetworkError
        For another end.
    """
    if end not in ("pre", "post"):
        raise NetworkError(f"end = {end!r}", where="to_circuits", allowed="pre, post")
    return Edges(np.asarray(getattr(edges, end)), np.arange(len(edges), dtype=np.int32))


def one_to_one(n: int) -> Edges:
    """Connect members of equal number."""
    members = np.arange(n, dtype=np.int32)
    return Edges(members, members)


def fixed_fan_in(n_pre: int, n_post: int, fan_in: int, *, seed: int = 0) -> Edges:
    """The same number of inputs to each target, drawn independently and uniformly, with replacement.

    Parameters
    ----------
    n_pre, n_post : int
        Sizes of the groups.
    fan_in : int
        Inputs of each.
    seed : int
        Of the draw.

    Returns
    -------
    Edges
        Ordered by target.
    """
    if not (n_pre > 0 and fan_in >= 0):
        raise NetworkError(f"{fan_in} inputs out of {n_pre}", where="fixed_fan_in", allowed=">= 0")
    _check_edges(n_post * fan_in, "fixed_fan_in")
    seed = as_integer("seed", seed, where="fixed_fan_in", error=NetworkError, lowest=0)
    rng = np.random.default_rng(seed)
    pre = rng.integers(0, n_pre, n_post * fan_in, dtype=np.int32)
    return Edges(pre, np.repeat(np.arange(n_post, dtype=np.int32), fan_in))


def by_distance(
    pre: Float[np.ndarray, "pre dims"],
    post: Float[np.ndarray, "post dims"],
    *,
    length: float,
    fan_in: int,
    speed: float | None = None,
    delay: float = 0.0,
    seed: int = 0,
) -> Edges:
    r"""The same number of inputs to each target, nearer ones more likely; delays that grow with the distance.

    Parameters
    ----------
    pre, post : Float[np.ndarray, "members dims"]
        Positions [m].
    length : float
        Decay length of the likelihood [m].
    fan_in : int
        Inputs of each.
    speed : float, optional
        Speed of propagation along a connection [m/s]; without it the delay does not depend on the distance.
    delay : float
        Delay at no distance [s].
    seed : int
        Of the draw.

    Notes
    -----
    Input :math:`i` of a target is drawn with a probability proportional to :math:`e^{-d_i/\ell}`,
    independently of its other inputs.
    """
    if not (length > 0 and (speed is None or speed > 0)):
        raise NetworkError(
            f"length = {length:g}, speed = {speed}", where="by_distance", allowed="> 0"
        )
    _check_edges(len(post) * fan_in, "by_distance")
    seed = as_integer("seed", seed, where="by_distance", error=NetworkError, lowest=0)
    rng = np.random.default_rng(seed)
    rows, ways = [], []
    for point in np.asarray(post, float):
        distance = np.linalg.norm(np.asarray(pre, float) - point[None], axis=1)
        # Less the nearest: far from all members every likelihood would underflow to 0.
        edges = np.cumsum(np.exp(-(distance - distance.min()) / length))
        choice = np.searchsorted(edges, rng.random(fan_in) * edges[-1], side="right")
        rows.append(choice.astype(np.int32))
        ways.append(distance[choice])
    sources = np.concatenate(rows) if rows else np.zeros(0, np.int32)
    targets = np.repeat(np.arange(len(post), dtype=np.int32), fan_in)
    if speed is None:
        return Edges(sources, targets)
    return Edges(sources, targets, delay + np.concatenate(ways) / speed)
