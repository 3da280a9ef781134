"""A classifier of digits in arrays: ideal, mapped as it is, and trained through wires and noise."""

from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import memjax as mj
from benchmarks.records import Recorder
from benchmarks.timing import Times, lap

WIRE, NOISE, HIDDEN = 5.0, 0.05, 32
"""Segments [ohm], standard deviation of the logarithm of a conductance, units between both layers."""

DRAWS = 20
REFERENCE = "accuracy of the ideal classifier, less that of the arrays"


class Digits(NamedTuple):
    """Images of 8 x 8 pixels from 0 to 1, and what they show, for training and for the test."""

    x: jax.Array
    y: jax.Array
    x_test: jax.Array
    y_test: jax.Array


def digits() -> Digits:
    """The set of scikit-learn, of which three quarters are for training."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order] / 16, y[order]
    cut = 3 * len(y) // 4
    return Digits(*map(jnp.asarray, (x[:cut], y[:cut], x[cut:], y[cut:])))


def _layers(weights: list[jax.Array], room: float) -> list[mj.crossbar.Linear]:
    """Both layers in arrays, whose largest weight is `room` times that of the matrices."""
    options: dict[str, Any] = {
        "cells": mj.crossbar.CellRange(1e-6, 3e-4, write_noise=NOISE),
        "wires": mj.crossbar.Wires(WIRE, WIRE),
    }
    return [
        mj.crossbar.Linear(w, largest=room * float(jnp.max(jnp.abs(w))), tile=(64, 64), **options)
        for w in weights
    ]


def _apply(layers: list[mj.crossbar.Linear], biases: list, x: jax.Array, key) -> jax.Array:
    """Scores of the classes; a hidden layer of rectified units."""
    first, second = layers
    keys = (None, None) if key is None else jax.random.split(key)
    hidden = jax.nn.relu(first(x, key=keys[0]) + biases[0])
    return second(hidden, key=keys[1]) + biases[1]


def _ideal(weights: list[jax.Array], biases: list, x: jax.Array) -> jax.Array:
    """The same without arrays."""
    return jax.nn.relu(x @ weights[0] + biases[0]) @ weights[1] + biases[1]


def _loss(scores: jax.Array, y: jax.Array) -> jax.Array:
    """Cross entropy."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(scores, y))


def _train(loss: Callable, parameters: Any, *, steps: int, rate: float) -> Any:
    """Parameters after steps of Adam; `loss` takes them and the number of the step."""
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps))
    slopes = jax.jit(jax.grad(loss))
    state = optimiser.init(parameters)
    for k in range(steps):
        change, state = optimiser.update(slopes(parameters, k), state)
        parameters = optax.apply_updates(parameters, change)
    return parameters


def _start(data: Digits, steps: int) -> Any:
    """The ideal classifier."""
    rng = np.random.default_rng(1)
    sizes = (64, HIDDEN, 10)
    weights = [jnp.asarray(rng.normal(size=s) * np.sqrt(2 / s[0])) for s in pairwise(sizes)]
    biases = [jnp.zeros(n) for n in sizes[1:]]

    def loss(p, _):
        decay = sum(jnp.sum(w**2) for w in p[0])
        return _loss(_ideal(p[0], p[1], data.x), data.y) + 1e-4 * decay

    return _train(loss, (weights, biases), steps=steps, rate=0.02)


def classify(size: str, record: Recorder) -> None:
    """All three."""
    name = f"digits, 64-{HIDDEN}-10, wires of {WIRE:g} ohm, noise of {100 * NOISE:g} %"
    if find_spec("sklearn") is None:
        record.write("digits trained", status="skipped", reason="no scikit-learn", problem=name)
        return
    data, full = digits(), size == "full"
    ideal = _start(data, 600 if full else 20)
    layers = _layers(ideal[0], room=1.5)

    def arrays(weights):
        return [eqx.tree_at(lambda a: a.weight, a, w) for a, w in zip(layers, weights)]

    @jax.jit
    def share_right(p, key):
        scores = _apply(arrays(p[0]), p[1], data.x_test, key)
        return jnp.mean(jnp.argmax(scores, axis=1) == data.y_test)

    def accuracy(p):
        keys = jax.random.split(jax.random.key(7), DRAWS if full else 2)
        return [float(share_right(p, k)) for k in keys]

    def loss(p, k):
        key = jax.random.fold_in(jax.random.key(3), k)
        return _loss(_apply(arrays(p[0]), p[1], data.x, key), data.y)

    exact = float(
        jnp.mean(jnp.argmax(_ideal(ideal[0], ideal[1], data.x_test), axis=1) == data.y_test)
    )
    mapped = accuracy(ideal)
    # Training begins at the ideal weights.
    seconds, trained = lap(lambda: _train(loss, ideal, steps=150 if full else 2, rate=0.01))
    reached = accuracy(trained)
    many: dict[str, Any] = {"problem": name, "n": len(data.y_test), "dtype": "float64"}
    spread = {"ideal": exact, "mapped": mapped, "trained": reached}
    record.ok(
        "digits trained", Times(run=[seconds]), error=exact - float(np.mean(reached)), reference=REFERENCE,
        tolerance=0.01 if full else 1.0, extra=spread, **many,
    )  # fmt: skip
    record.ok(
        "digits mapped", Times(run=[0.0]), error=exact - float(np.mean(mapped)), reference=REFERENCE, **many
    )  # fmt: skip
