"""Networks, their settings and their files with something in them exchanged: read, or refused by an error of ours."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import memjax as mj
from memjax import network as nw
from memjax.errors import MemjaxError, NetworkError
from memjax.network.memory import check_memory
from memjax.network.plan import plan, rounded_delays
from memjax.network.toml import load_network
from tests.network.conftest import neurons

NETWORK = """
duration = 1e-3
dt = 2e-6
seed = 3

[groups.tell]
kind = "spikes"
n = 3
file = "spikes.csv"

[groups.noise]
kind = "poisson"
n = 4
rate = [20, 30, 40, 50]

[groups.exc]
model = "threshold-switch-neuron"
n = 4
bias = 2.0
temperature = 310
spike = { signal = "switch.x", level = 0.5, rearm = 0.2 }
spread = { "r_in.r" = 0.1, "switch.tau" = 0.05 }
correlation = [["r_in.r", "switch.tau", 0.5]]
values = { "switch.w" = 0.005 }
start = { "node.v" = 0.1 }

[[projections]]
pre = "tell"
post = "exc"
connect = { rule = "file", file = "edges.csv" }
width = 1e-4

[[projections]]
name = "near"
pre = "noise"
post = "exc"
connect = { rule = "by_distance", fan_in = 2, size = 1e-3, length = 1e-4, speed = 1.0 }
weight = { mean = 0.05, sigma = 0.2 }
tau = 1e-4
delay = 1e-4

[record]
watch = { exc = [1] }
every = 4e-5
"""
SPIKES = "source,time_s\n0,1e-4\n2,2.5e-4\n1,3e-4\n"
EDGES = "pre,post,delay_s,weight\n0,0,1e-4,0.1\n1,2,1.02e-4,-0.2\n2,3,2e-4,0.3\n"

WORDS = (
    "nan", "inf", "-1", "0", "1e400", "1e-400", "true", '"x"', "[]", "{}", "[1, 2]", "9" * 30, "\0", "ä", "=", ",",
    ";", "#", "1_0", "0x1F", "'", '"', "[[", "2026-01-01", "../x", "None", " ", "\t", "\r", "\ufeff", "1,5", "-0.0",
)  # fmt: skip
"""What stands in the place of a word of a file."""

THINGS: tuple[Callable[[], Any], ...] = tuple(
    (lambda x=x: x)
    for x in (None, True, False, 0, -1, 1, 3, 2**31, 2**70, 0.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), 1j,
              "x", "", "0.5", b"1", (), [], {}, [1, 2], [[1.0]], {"a": 1}, np.zeros(0), np.ones(2), np.ones((2, 2)),
              np.array([np.nan]), np.array("a"), np.array([None]), np.float32(0.5), np.int64(2), np.bool_(True),
              mj.Sine(1.0, 10.0), object(), len, ...)
)  # fmt: skip
"""What stands in the place of a setting."""


def mutate(text: str, rng: np.random.Generator) -> str:
    """A text with one to three changes: of characters, words, numbers or lines, or cut."""
    for _ in range(rng.integers(1, 4)):
        lines, k = text.splitlines(keepends=True) or [""], int(rng.integers(0, len(text) + 1))
        row = int(rng.integers(len(lines)))
        tokens = [*np.flatnonzero([c.isalnum() for c in text]), k]
        at = int(rng.choice(tokens))
        end = next(
            (j for j in range(at, len(text)) if not (text[j].isalnum() or text[j] in ".-_")),
            len(text),
        )
        match rng.integers(7):
            case 0:
                text = text[:k] + text[k + 1 + int(rng.integers(3)) :]
            case 1:
                text = text[:k] + str(rng.choice(WORDS)) + text[k:]
            case 2 | 3:
                text = text[:at] + str(rng.choice(WORDS)) + text[end:]
            case 4:
                text = "".join([*lines[:row], *lines[row + 1 :]])
            case 5:
                text = "".join([*lines[: row + 1], *lines[row:]])
            case _:
                text = text if rng.uniform() < 0.7 else text[:k]
    return text


def is_taken(make: Callable[[], Any], what: str) -> bool:
    """Whether something is made; where not, the error is ours and says what is wrong in one line."""
    said = "taken"
    try:
        make()
    except MemjaxError as error:
        said = str(error)
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error}; of {what}") from error
    assert said, what
    assert "\n" not in said, what
    return said == "taken"


def lay_out(network: nw.Network, duration: float) -> None:
    """All of a network but its programs."""
    network.steps(duration)
    check_memory(network, jax.devices()[:1])
    options: dict[str, Any] = dict(dt=network.dt, steps=network.exchange_steps, dtype=network.dtype)
    found = plan(network.groups, network.projections, shards=1, **options)
    for p in network.projections:
        rounded_delays(p, found.clock)
    for g in network.groups:
        if isinstance(g, nw.SpikeList):
            assert np.all(g.steps(network.dt) >= 0)


def mutate_files(folder: Path, name: str, count: int) -> list[bool]:
    """Whether networks are read in which one of their files was changed."""
    files = {"net.toml": NETWORK, "spikes.csv": SPIKES, "edges.csv": EDGES}
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    taken = []
    for seed in range(count):
        text = mutate(files[name], np.random.default_rng(seed))
        (folder / name).write_bytes(text.encode())

        def read():
            found = load_network(folder / "net.toml")
            lay_out(found.network, found.duration)

        taken.append(is_taken(read, f"{name}, seed {seed}: {text!r}"))
    return taken


FILES = ("net.toml", "spikes.csv", "edges.csv")


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_files_with_something_exchanged_are_read_or_refused(tmp_path, name):
    taken = mutate_files(tmp_path, name, 40)
    assert 0 < sum(taken) < len(taken)


@pytest.mark.study
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", FILES)
def test_files_with_something_exchanged_a_thousand_times(tmp_path, name):
    taken = mutate_files(tmp_path, name, 1000)
    assert 0 < sum(taken) < len(taken)


def parts() -> dict[str, Any]:
    """A network's parts, whose settings are exchanged."""
    edges = nw.Edges(np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([1e-3, 1.2e-3, 2e-3]))
    return {
        "spike": nw.Threshold(signal="node.v", level=0.5, rearm=0.2),
        "cells": neurons(2, bias=1e-6, values={"r.r": np.array([1e6, 2e6])}, start={"node.v": 0.1}),
        "noise": nw.Poisson(name="noise", n=2, rate=100.0),
        "tell": nw.SpikeList(
            name="tell", n=2, source=np.array([0, 1]), time=np.array([1e-3, 2e-3])
        ),
        "edges": edges,
        "tau": nw.Receptor(tau=1e-3),
        "width": nw.Receptor(width=1e-3),
        "to": nw.Projection(
            pre="noise", post="cells", edges=edges, receptor=nw.Receptor(tau=1e-3), weight=1e-6
        ),
        "circuits": nw.ConductanceOf(group="cells", element="r", scale=1.0),
    }


def exchange(x: Any, rng: np.random.Generator) -> tuple[Callable[[], Any], str]:
    """A function that makes a part again, with one setting exchanged; and what it is."""
    content = {f.name: getattr(x, f.name) for f in fields(x) if f.init and f.name != "circuit"}
    key, thing = str(rng.choice(list(content))), THINGS[rng.integers(len(THINGS))]()
    circuit = {"circuit": x.circuit} if hasattr(x, "circuit") else {}
    return lambda: type(x)(
        **circuit | content | {key: thing}
    ), f"{type(x).__name__}.{key} = {thing!r:.80}"


def mutate_settings(count: int) -> list[bool]:
    """Whether networks are laid out in which one setting was exchanged."""
    taken = []
    for seed in range(count):
        rng, made = np.random.default_rng(seed), parts()
        name = str(rng.choice([*made, "network", "duration"]))
        if name not in made:
            again, what = (lambda: None), name
        else:
            again, what = exchange(made[name], rng)
        thing = THINGS[rng.integers(len(THINGS))]()
        key = str(rng.choice(["dt", "seed", "exchange_steps", "dtype", "groups", "projections"]))

        def build(name=name, again=again, made=made, key=key, thing=thing):
            part = {**made, name: again()}
            cells = nw.Neurons(**{**vars(part["cells"]), "spike": part["spike"]})
            weight = part["circuits"] if name == "circuits" else part["to"].weight
            edges = part["edges"] if name == "edges" else part["to"].edges
            to = [
                nw.Projection(**{**vars(part["to"]), "edges": edges, "weight": weight}),
                nw.Projection(
                    pre="tell", post="cells", edges=made["edges"],
                    receptor=part["width" if name == "width" else "tau"], weight=1e-6,
                ),
            ]  # fmt: skip
            settings = {
                "groups": [part["noise"], part["tell"], cells],
                "projections": to,
                "dt": 1e-5,
            }
            settings |= {key: thing} if name == "network" else {}
            lay_out(nw.Network(**settings), thing if name == "duration" else 0.01)

        what = f"{key} = {thing!r:.80}" if name in ("network", "duration") else what
        taken.append(is_taken(build, f"seed {seed}, {name}: {what}"))
    return taken


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("make", "match"),
    [
        (
            lambda: nw.Threshold(signal="node.v", level=np.array([0.4, 0.5])),
            r"level = array\(\[0.4, 0.5\]\); in threshold of node.v; allowed: one finite number for all neurons",
        ),
        (
            lambda: neurons(2, bias=mj.Sine(1e-6, 50.0)),
            "input = Sine.*in group 'cells'; allowed: finite numbers that do not change with time: one, or 2",
        ),
        (
            lambda: nw.Network(groups=[nw.Poisson(name="in", n=1, rate=2e5)], dt=1e-5),
            r"rate = 200000.0; in group 'in'; allowed: below 1/dt = 100000 1/s",
        ),
    ],
)
def test_a_setting_of_another_kind_is_one_sentence(make, match):
    with pytest.raises(NetworkError, match=match):
        make()


def test_a_spike_that_no_step_reaches_is_none():
    """At 1e300 s; as a number of a step it would be the first one."""
    late = nw.SpikeList(name="tell", n=1, source=np.array([0]), time=np.array([1e300]))
    assert late.steps(1e-5)[0] > 2**31


@pytest.mark.wrong_types
def test_settings_that_are_exchanged_are_taken_or_refused():
    taken = mutate_settings(80)
    assert 0 < sum(taken) < len(taken)


@pytest.mark.study
@pytest.mark.timeout(1800)
def test_settings_that_are_exchanged_a_thousand_times():
    taken = mutate_settings(1000)
    assert 0 < sum(taken) < len(taken)
