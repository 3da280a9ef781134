"""Elements of a circuit that are alike but for their numbers, evaluated by one program."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

FEWEST = 4
"""Elements of one kind from which on they are mapped. Fewer stay scalars, of which a kernel makes whole vectors of
circuits."""


class Kind(NamedTuple):
    """Results of elements of one kind: of one element as they are, of several with an axis before theirs."""

    names: list[str]
    results: Any
    mapped: bool


def evaluate_kinds(
    function: Callable,
    elements: Mapping[str, Any],
    arguments: Mapping[str, tuple],
    *,
    nets: Mapping[str, tuple[int, ...]] | None = None,
    voltages: Any = None,
) -> list[Kind]:
    """What a function gives for elements, kind by kind.

    Parameters
    ----------
    function : callable
        ``function(element, *arguments)`` gives a PyTree of arrays; with nets, ``function(element, terminals,
        *arguments)``, the voltages of its terminals [V].
    elements : mapping of str to Module
        Elements by name.
    arguments : mapping of str to tuple
        Arguments of each.
    nets : mapping of str to tuple of int, optional
        Nodes of each.
    voltages : list of Float[Array, ""] or Float[Array, "nodes"], optional
        Of the nodes [V].

    Notes
    -----
    Those that differ in numbers alone are traced and compiled once, however many they are: a program of one after
    the other grows with their number, and the time to compile it faster.
    """

    def terminals(name: str) -> tuple:
        return () if nets is None else (tuple(voltages[k] for k in nets[name]),)

    kinds: dict[Hashable, list[str]] = {}
    for name, element in elements.items():
        kinds.setdefault(kind((element, arguments[name])), []).append(name)
    results = []
    for names in kinds.values():
        if len(names) < FEWEST:
            rows = [function(elements[n], *terminals(n), *arguments[n]) for n in names]
            results += [Kind([n], row, False) for n, row in zip(names, rows, strict=True)]
            continue
        parts = [eqx.partition((elements[n], arguments[n]), eqx.is_array) for n in names]
        static = parts[0][1]
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *(p[0] for p in parts))
        at = () if nets is None else (jnp.asarray(voltages)[np.array([nets[n] for n in names])],)

        def one(numbers, *at, static=static):
            element, values = eqx.combine(numbers, static)
            return function(element, *map(tuple, at), *values)

        results.append(Kind(names, jax.vmap(one)(stacked, *at), True))
    return results


def evaluate(
    function: Callable, elements: Mapping[str, Any], arguments: Mapping[str, tuple], **options: Any
) -> dict[str, Any]:
    """Results by name, in the order of the elements; arguments as for `evaluate_kinds`."""
    results: dict[str, Any] = {}
    for names, values, mapped in evaluate_kinds(function, elements, arguments, **options):
        for k, n in enumerate(names):
            results[n] = jax.tree.map(lambda x, k=k: x[k], values) if mapped else values
    return {n: results[n] for n in elements}


def kind(parts: Any) -> Hashable:
    """What elements have in common that one program evaluates: structure, shapes, and all that is no array."""
    arrays, static = eqx.partition(parts, eqx.is_array)
    shapes = tuple((x.shape, jnp.result_type(x)) for x in jax.tree.leaves(arrays))
    leaves, tree = jax.tree.flatten(static)
    return jax.tree.structure(arrays), shapes, tuple(leaves), tree
