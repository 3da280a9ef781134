"""The networks by memjax, timed in a process of its own: reads a job on standard input."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import jax

from benchmarks.cases.network import problem as pb
from benchmarks.records import peak_rss_bytes
from memjax import network as nw
from memjax.circuit import Circuit
from memjax.device import Diffusive1M1T1R
from memjax.neuron import one_memristor
from memjax.runtime.compile_cache import fuse_small_loops

STATES = {"f": "memristor.f", "r": "memristor.r", "v": "gate.v"}
"""What the states of a problem are called here."""


def circuit(constants: Mapping[str, float]) -> Circuit:
    """The neuron of a problem."""
    names = ("mu", "alpha", "beta", "gamma1", "gamma2", "lam", "r_on", "r_off", "sigma1")
    own: dict[str, Any] = {k: constants[k] for k in names}
    device = Diffusive1M1T1R(**own)
    return one_memristor(
        device, r_c=constants["r_c"], c_gate=constants["c_gate"], output_stage=False
    )


def network(
    problem: pb.Problem,
    *,
    seed: int = 0,
    dtype: str = "float32",
    told: Mapping[str, nw.SpikeList] | None = None,
) -> nw.Network:
    """A problem as a network, Poisson sources perhaps replaced by others that are told when to fire."""
    c = problem.constants
    cell = circuit(c)
    spike = nw.Threshold(signal="gate.v", level=c["level"], rearm=c["rearm"])
    groups: list = [
        nw.Neurons(
            name=name,
            n=n,
            circuit=cell,
            spike=spike,
            bias=c["bias"],
            start={STATES[s]: x for s, x in problem.start.get(name, {}).items()},
        )
        for name, n in problem.neurons.items()
    ]
    random = {k: nw.Poisson(name=k, n=n, rate=rate) for k, (n, rate) in problem.sources.items()}
    groups += list({**random, **(told or {})}.values())
    wires = [
        nw.Projection(
            pre=w.pre,
            post=w.post,
            edges=nw.Edges(*w.ends),
            receptor=nw.Receptor(tau=pb.TAU),
            weight=w.weight,
            delay=pb.DELAY,
        )
        for w in problem.wires
    ]
    return nw.Network(groups=groups, projections=wires, dt=problem.dt, seed=seed, dtype=dtype)


def timed(make, *, repeats: int) -> dict:
    """Seconds of stretches of equal length of one simulation, after one that compiles."""
    begin = time.perf_counter()
    problem = make()
    made = time.perf_counter() - begin
    begin = time.perf_counter()
    net = network(problem)
    simulation = nw.Simulation(net)
    interval = net.clock.steps
    # Whole exchange intervals: the first part of one would compile once more.
    count, spikes, laps, busy = -(-net.steps(problem.duration) // interval) * interval, [], [], []
    for _ in simulation.advance(2 * interval):
        pass
    compiled = time.perf_counter() - begin
    for _ in range(repeats):
        begin, own = time.perf_counter(), time.process_time()
        parts = list(simulation.advance(count))
        laps.append(time.perf_counter() - begin)
        busy.append(time.process_time() - own)
        spikes.append(sum(len(p.spikes["cells"][0]) for p in parts))
    rates = [s / problem.size / problem.duration for s in spikes]
    return {
        "run_s": laps,
        "cpu_s": busy,
        "kernel": simulation.kernels["cells"],
        "compile_s": compiled,
        "made_s": made,
        "rates": rates,
        "peak_rss_bytes": peak_rss_bytes(),
    }


def main(job: dict) -> dict:
    """Answer a job: times of a problem of some size."""
    fuse_small_loops()
    jax.config.update("jax_num_cpu_devices", job["devices"])
    return timed(
        lambda: pb.throughput(job["n"], steps=job["steps"], connected=job["connected"]),
        repeats=job["repeats"],
    )


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
