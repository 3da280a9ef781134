"""The projections of a network file: connections, weights and delays."""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import NetworkError
from ...io.pulse_fit import load_pulse_fit
from ..edges import Edges, by_distance, dense, fixed_fan_in, one_to_one, to_circuits
from ..groups import Group
from ..plan import check_receptor
from ..projection import Projection, Receptor
from ..run_store import RECORDING, load_conductances
from ..weights import ConductanceOf, DriftWeights
from .columns import load_columns
from .groups import Sketch
from .tables import COUNT, FLAG, NOT_NEGATIVE, NUMBER, POSITIVE, TEXT, WHOLE, Table, one_of

_DELAY = 1e-3
"""Where a file names none [s]."""


@dataclass(frozen=True)
class Ends:
    """Both groups of a projection: their names and members."""

    pre: str
    post: str
    n_pre: int
    n_post: int


Wiring = Callable[[Ends], tuple[Edges, Any]]
"""Edges, and their weights where these come with them."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Settings that a rule of connection may use beside its table.

    Parameters
    ----------
    seed : int
        Of what it draws.
    delay : float
        Of the projection [s].
    earlier : sequence of Projection
        Those above it in the file.
    """

    seed: int
    delay: float
    earlier: Sequence[Projection]


def read_projection(
    t: Table,
    groups: Mapping[str, Group | None],
    sketches: Mapping[str, Sketch],
    seed: int,
    earlier: Sequence[Projection] = (),
) -> Projection:
    """Read a projection from its table.

    Parameters
    ----------
    t : Table
        Its table.
    groups : mapping of str to Group or None
        The groups by name; None for one that is wrong itself.
    sketches : mapping of str to Sketch
        What is known of them, also of those that are wrong.
    seed : int
        Of what is drawn, where the table has none.
    earlier : sequence of Projection
        Those above it in the file.

    Raises
    ------
    WrongTableError
        Where something is wrong, which is noted.
    """
    targets = [n for n, g in sketches.items() if g.neurons]
    pre, post = t.take("pre", one_of(*groups)), t.take("post", one_of(*targets))
    name, connect = t.take("name", TEXT, ""), t.table("connect")
    rule = connect.take("rule", one_of(*_RULES)) if t.has("connect") else None
    delay = t.take("delay", POSITIVE, _DELAY)
    is_random = rule in ("fixed_fan_in", "by_distance")
    wiring_seed = connect.take("seed", WHOLE, seed) if is_random else seed
    context = Context(seed=wiring_seed, delay=delay or _DELAY, earlier=earlier)
    wiring = _RULES[rule](connect, context) if rule is not None else None
    if rule is None:  # its other keys are those of a rule that nobody knows
        connect.keys_read |= dict.fromkeys(connect.content)
    weight = _weight(t, wiring_seed, is_required=rule not in (None, "file"))
    port = t.take("port", TEXT, None)
    receptor = _receptor(t, port)
    t.note_unknown_keys()
    a, b = (sketches.get(x or "", Sketch()) for x in (pre, post))
    if receptor is not None and b.circuit is not None:
        with t.errors_at("port" if port is not None and port not in b.circuit.ports else ""):
            check_receptor(receptor, b.circuit, where="")
    edges, edge_weights = _edges(t, connect, wiring, (pre, a.n), (post, b.n))
    if t.has("delay") and rule == "file" and edges is not None and edges.delay is not None:
        t.note("delay", f"{delay:g} s beside a column delay_s", allowed="one of them")
    if edges is not None and (edge_weights is None) != t.has("weight"):
        t.note("weight", "weights twice or not at all", allowed="a weight, or a column weight")
    t.finish()
    if edges is None or receptor is None or groups[pre] is None or groups[post] is None:
        t.give_up()
    return Projection(
        pre=pre,
        post=post,
        name=name,
        edges=edges,
        receptor=receptor,
        weight=edge_weights if weight is None else weight(len(edges)),
        delay=delay,
    )


def _receptor(t: Table, port: str | None) -> Receptor | None:
    """Read the receptor of a projection; None where it is wrong."""
    options = {"reversal": t.take("reversal", NUMBER, None)}
    options |= {k: t.take(k, POSITIVE, None) for k in ("tau", "width")}
    if any(t.has(k) and x is None for k, x in options.items()):
        return None
    with t.errors_at():
        return Receptor(port=port, **options)
    return None


def _edges(
    t: Table, connect: Table, wiring: "Wiring | None", pre: tuple, post: tuple
) -> tuple[Edges | None, Any]:
    """Edges, and weights that come with them; none where the rule or a group, its name and size, is not known."""
    if wiring is None or connect.wrong or None in (*pre, *post):
        return None, None
    with t.errors_at():
        return wiring(Ends(pre[0], post[0], pre[1], post[1]))
    return None, None


def _weight(t: Table, seed: int, *, is_required: bool) -> Callable[[int], Any] | None:
    """Weights of so many edges: one for all, a log-normal one for each, or conductances of devices."""
    if not isinstance(t.content.get("weight"), dict):
        weight = t.take("weight", NUMBER) if is_required else t.take("weight", NUMBER, None)
        return None if weight is None else lambda n: float(weight)
    inner = t.table("weight")
    if inner.has("fit"):
        return _drift_weights(inner)
    if inner.has("group"):
        read = _read_off(inner)
        return lambda n: read
    if inner.has("run"):
        return _weights_of_run(inner)
    mean, sigma = inner.take("mean", NUMBER), inner.take("sigma", NOT_NEGATIVE)

    def draw(n: int) -> np.ndarray:
        # Another stream than that of the edges.
        normal = np.random.default_rng([seed, 1]).standard_normal(n)
        return mean * np.exp(sigma * normal - sigma**2 / 2)

    return draw


def _drift_weights(t: Table) -> Callable[[int], Any] | None:
    """Drift memristors with the pulses, and their randomness, of a fit of conductances per pulse."""
    path = t.file("fit", inside="fit.json")
    options = {k: t.take(k, NUMBER) for k in ("scale",)}
    options |= {
        "reference": t.take("reference", NUMBER, 0.0),
        "start": t.take("start", NUMBER, None),
    }
    options |= {k: t.take(k, NOT_NEGATIVE, 0.0) for k in ("set_window", "reset_window")}
    if path is None or t.wrong:
        return None
    with t.errors_at("fit"):
        pulsed, noise = load_pulse_fit(path)
        return lambda n: DriftWeights(pulsed=pulsed, noise=noise, **options)
    return None


def _read_off(t: Table) -> ConductanceOf | None:
    """Conductances of devices in circuits of their own."""
    names = {k: t.take(k, TEXT) for k in ("group", "element")}
    scale, reference = t.take("scale", NUMBER), t.take("reference", NUMBER, 0.0)
    voltage = t.take("read_voltage", POSITIVE, 0.1)
    if t.wrong:
        return None
    return ConductanceOf(**names, scale=scale, reference=reference, read_voltage=voltage)


def _weights_of_run(t: Table) -> Callable[[int], Any] | None:
    """Conductances that devices had at the start or the end of a run, as weights that do not change."""
    path, name = t.file("run", inside=RECORDING), t.take("projection", TEXT)
    at = t.take("at", one_of("start", "end"), "end")
    scale, reference = t.take("scale", NUMBER), t.take("reference", NUMBER, 0.0)
    if path is None or t.wrong:
        return None
    with t.errors_at("run"):
        g = load_conductances(path, name, at=at)
        return lambda n: scale * (g - reference)
    return None


def _to_circuits(t: Table, context: Context) -> Wiring | None:
    """Each circuit of a group that has one per edge of an earlier projection, with one end of that edge."""
    by_name = {p.name: p for p in context.earlier}
    name, end = t.take("projection", one_of(*by_name)), t.take("end", one_of("pre", "post"))
    if name is None or end is None:
        return None
    target = by_name[name]

    def wire(e: Ends) -> tuple[Edges, Any]:
        group = getattr(target, end)
        if group != e.pre or e.n_post != len(target.edges):
            raise NetworkError(
                f"{e.pre!r} to {e.n_post} circuits of {e.post!r}",
                allowed=f"{group!r}, which is {end} of {name!r}, to its {len(target.edges)} edges",
            )
        return to_circuits(target.edges, end), None

    return wire


def _dense(t: Table, context: Context) -> Wiring:
    """Each with each."""
    themselves = t.take("themselves", FLAG, True)
    return lambda e: (dense(e.n_pre, e.n_post, themselves=themselves), None)


def _one_to_one(t: Table, context: Context) -> Wiring:
    """Equal numbers."""

    def wire(e: Ends) -> tuple[Edges, Any]:
        if e.n_pre != e.n_post:
            raise NetworkError(
                f"{e.n_pre} members to {e.n_post}, one to one", allowed="equally many"
            )
        return one_to_one(e.n_pre), None

    return wire


def _fixed_fan_in(t: Table, context: Context) -> Wiring:
    """Return a wiring with equally many inputs to each target."""
    fan_in = t.take("fan_in", COUNT)
    return lambda e: (fixed_fan_in(e.n_pre, e.n_post, fan_in, seed=context.seed), None)


def _by_distance(t: Table, context: Context) -> Wiring:
    """Nearer ones more likely, in a square."""
    positions = _PLACES.get(t.take("positions", one_of(*_PLACES), "grid"))
    size, length, fan_in = (
        t.take("size", POSITIVE),
        t.take("length", POSITIVE),
        t.take("fan_in", COUNT),
    )
    speed = t.take("speed", POSITIVE, None)

    def wire(e: Ends) -> tuple[Edges, Any]:
        ends = ((e.pre, e.n_pre), (e.post, e.n_post))
        places = [size * positions(*end) for end in ends]  # pyright: ignore[reportOptionalCall]
        options = {"length": length, "fan_in": fan_in, "speed": speed}
        options |= {"delay": context.delay, "seed": context.seed}
        return by_distance(*places, **options), None

    return wire


def _grid(name: str, n: int) -> np.ndarray:
    """Row by row in a square of side 1."""
    side = math.isqrt(n - 1) + 1
    index = np.arange(n)
    return (np.stack([index % side, index // side], axis=1) + 0.5) / side


def _random(name: str, n: int) -> np.ndarray:
    """Evenly drawn in a square of side 1; a group stands where it stands in all projections."""
    return np.random.default_rng(zlib.crc32(name.encode())).random((n, 2))


_PLACES = {"grid": _grid, "random": _random}


def _file(t: Table, context: Context) -> Wiring:
    """Listed connections."""
    path = t.file("file")

    def wire(e: Ends) -> tuple[Edges, Any]:
        ends = ("pre", "post")
        columns = load_columns(path, ends, optional=("delay_s", "weight"), integers=ends)  # pyright: ignore[reportArgumentType]
        for end, n in zip(ends, (e.n_pre, e.n_post), strict=True):
            wrong = np.flatnonzero((columns[end] < 0) | (columns[end] >= n))
            if wrong.size:
                raise NetworkError(
                    f"{end} = {columns[end][wrong[0]]}",
                    where=f"{path}, line {wrong[0] + 2}",
                    allowed=f"0 to {n - 1}",
                )
        pre, post = (columns[end].astype(np.int32) for end in ends)
        return Edges(pre, post, columns.get("delay_s")), columns.get("weight")

    return wire


_RULES = {
    "dense": _dense,
    "one_to_one": _one_to_one,
    "fixed_fan_in": _fixed_fan_in,
    "by_distance": _by_distance,
    "file": _file,
    "to_circuits": _to_circuits,
}
