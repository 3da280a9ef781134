"""The projections of a network file: who is connected to whom, how strongly and how late."""

import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import NetworkError
from ..network import (
    ConductanceOf,
    DriftWeights,
    Edges,
    Neurons,
    Projection,
    Receptor,
    by_distance,
    dense,
    fixed_fan_in,
    one_to_one,
)
from ..network.groups import Group
from ..network.plan import layout
from .columns import load_columns
from .pulse_fit import load_pulse_fit
from .tables import COUNT, FLAG, NOT_NEGATIVE, NUMBER, POSITIVE, TEXT, WHOLE, Table, one_of

_DELAY = 1e-3
"""Where a file names none [s]."""

Wiring = Callable[[Group, Group], tuple[Edges, Any]]
"""Edges, and their weights where these come with them."""


def read_projection(t: Table, groups: Mapping[str, Group | None], seed: int) -> Projection:
    """A projection as its table says.

    Parameters
    ----------
    t : Table
        Its table.
    groups : mapping of str to Group or None
        The groups by name; None for one that is wrong itself.
    seed : int
        Of what is drawn, where the table has none.

    Raises
    ------
    WrongTableError
        Where something is wrong, which is noted.
    """
    sources = [n for n, g in groups.items() if g is None or isinstance(g, Neurons)]
    pre, post = t.take("pre", one_of(*groups)), t.take("post", one_of(*sources))
    name, connect = t.take("name", TEXT, ""), t.table("connect")
    rule = connect.take("rule", one_of(*_RULES))
    if rule is None:
        t.give_up()
    delay = t.take("delay", POSITIVE, _DELAY)
    own = connect.take("seed", WHOLE, seed) if rule in ("fixed_fan_in", "by_distance") else seed
    wiring = _RULES[rule](connect, own, delay)
    weight = _weight(t, own, needed=rule != "file")
    port = t.take("port", TEXT, None)
    receptor = {"port": port, "reversal": t.take("reversal", NUMBER, None)}
    receptor |= {k: t.take(k, POSITIVE, None) for k in ("tau", "width")}
    t.finish()
    a, b = groups[pre], groups[post]
    if a is None or not isinstance(b, Neurons):
        t.give_up()
    if port is not None:
        t.known("port", [port], b.circuit.ports)
        t.finish()
    edges, listed = wiring(a, b)
    if t.has("delay") and rule == "file" and edges.delay is not None:
        t.note("delay", f"{delay:g} s beside a column delay_s", allowed="one of them")
    if (listed is None) == (weight is None):
        t.note("weight", "weights twice or not at all", allowed="a weight, or a column weight")
    t.finish()
    found = Projection(
        pre=pre,
        post=post,
        name=name,
        edges=edges,
        receptor=Receptor(**receptor),
        weight=listed if weight is None else weight(len(edges)),
        delay=delay,
    )
    layout(b, [found], 1)  # refuses a reversal voltage at a voltage source
    return found


def _weight(t: Table, seed: int, *, needed: bool) -> Callable[[int], Any] | None:
    """Weights of so many edges: one for all, a log-normal one for each, or conductances of devices."""
    if not isinstance(t.content.get("weight"), dict):
        weight = t.take("weight", NUMBER) if needed else t.take("weight", NUMBER, None)
        return None if weight is None else lambda n: float(weight)
    inner = t.table("weight")
    if inner.has("fit"):
        return _programmed(inner)
    if inner.has("group"):
        read = _read_off(inner)
        return lambda n: read
    mean, sigma = inner.take("mean", NUMBER), inner.take("sigma", NOT_NEGATIVE)

    def drawn(n: int) -> np.ndarray:
        # Another stream than that of the edges.
        normal = np.random.default_rng([seed, 1]).standard_normal(n)
        return mean * np.exp(sigma * normal - sigma**2 / 2)

    return drawn


def _programmed(t: Table) -> Callable[[int], Any] | None:
    """Drift memristors with the pulses, and their randomness, of a fit of conductances per pulse."""
    path = t.file("fit", inside="fit.json")
    about = {k: t.take(k, NUMBER) for k in ("scale",)}
    about |= {"reference": t.take("reference", NUMBER, 0.0), "start": t.take("start", NUMBER, None)}
    about |= {k: t.take(k, NOT_NEGATIVE, 0.0) for k in ("set_window", "reset_window")}
    if path is None or t.wrong:
        return None
    with t.at("fit"):
        pulsed, noise = load_pulse_fit(path)
        return lambda n: DriftWeights(pulsed=pulsed, noise=noise, **about)
    return None


def _read_off(t: Table) -> ConductanceOf | None:
    """Conductances of devices in circuits of their own."""
    names = {k: t.take(k, TEXT) for k in ("group", "element")}
    scale, reference = t.take("scale", NUMBER), t.take("reference", NUMBER, 0.0)
    voltage = t.take("read_voltage", POSITIVE, 0.1)
    if t.wrong:
        return None
    return ConductanceOf(**names, scale=scale, reference=reference, read_voltage=voltage)


def _dense(t: Table, seed: int, delay: float) -> Wiring:
    """Each with each."""
    themselves = t.take("themselves", FLAG, True)
    return lambda a, b: (dense(a.n, b.n, themselves=themselves), None)


def _one_to_one(t: Table, seed: int, delay: float) -> Wiring:
    """Equal numbers."""

    def wired(a: Group, b: Group) -> tuple[Edges, Any]:
        if a.n != b.n:
            raise NetworkError(f"{a.n} members to {b.n}, one to one", allowed="equally many")
        return one_to_one(a.n), None

    return wired


def _fixed_fan_in(t: Table, seed: int, delay: float) -> Wiring:
    """As many inputs to each."""
    fan_in = t.take("fan_in", COUNT)
    return lambda a, b: (fixed_fan_in(a.n, b.n, fan_in, seed=seed), None)


def _by_distance(t: Table, seed: int, delay: float) -> Wiring:
    """Nearer ones more likely, in a square."""
    place = _PLACES.get(t.take("positions", one_of(*_PLACES), "grid"))
    size, length, fan_in = (
        t.take("size", POSITIVE),
        t.take("length", POSITIVE),
        t.take("fan_in", COUNT),
    )
    speed = t.take("speed", POSITIVE, None)

    def wired(a: Group, b: Group) -> tuple[Edges, Any]:
        places = [size * place(g) for g in (a, b)]  # pyright: ignore[reportOptionalCall]
        own = {"length": length, "fan_in": fan_in, "speed": speed, "delay": delay, "seed": seed}
        return by_distance(*places, **own), None

    return wired


def _grid(group: Group) -> np.ndarray:
    """Row by row in a square of side 1."""
    side = math.isqrt(group.n - 1) + 1
    at = np.arange(group.n)
    return (np.stack([at % side, at // side], axis=1) + 0.5) / side


def _random(group: Group) -> np.ndarray:
    """Evenly drawn in a square of side 1; a group stands where it stands in all projections."""
    return np.random.default_rng(zlib.crc32(group.name.encode())).random((group.n, 2))


_PLACES = {"grid": _grid, "random": _random}


def _file(t: Table, seed: int, delay: float) -> Wiring:
    """Listed connections."""
    path = t.file("file")

    def wired(a: Group, b: Group) -> tuple[Edges, Any]:
        ends = ("pre", "post")
        found = load_columns(path, ends, optional=("delay_s", "weight"), whole=ends)  # pyright: ignore[reportArgumentType]
        for end, group in zip(ends, (a, b), strict=True):
            wrong = np.flatnonzero((found[end] < 0) | (found[end] >= group.n))
            if wrong.size:
                raise NetworkError(
                    f"{end} = {found[end][wrong[0]]}",
                    where=f"{path}, line {wrong[0] + 2}",
                    allowed=f"0 to {group.n - 1}",
                )
        pre, post = (found[end].astype(np.int32) for end in ends)
        return Edges(pre, post, found.get("delay_s")), found.get("weight")

    return wired


_RULES = {
    "dense": _dense,
    "one_to_one": _one_to_one,
    "fixed_fan_in": _fixed_fan_in,
    "by_distance": _by_distance,
    "file": _file,
}
