"""The networks in Brian2, C++ standalone: a job as JSON on standard input, an answer on the last line."""

import json
import resource
import shutil
import sys
import tempfile
import time

import brian2 as b2  # pyright: ignore[reportMissingImports]  # in an environment of its own
import numpy as np

# One semi-implicit step: the gate at its end given f and r at its start, then f and r with the field
# at the new gate; the noise by the net rate at the start; then the input falls.
STEP = """
u = bias + s
x = clip(f + r, 0, 1)
g = 1 / clip(r_on*x + r_off*exp(-x/lam)*(exp((x - 1)/lam) - 1)/(exp(-1/lam) - 1), r_on, inf)
gap = mu / (alpha + abs(1 - f - r))
lost = (gamma1 + beta)*f
before = gap*clip(u - v, 0, inf) - lost
v = (v + h/c_gate*g*u) / (1 + h/c_gate*(g + 1/r_c))
a = gap*clip(u - v, 0, inf) - lost
b = beta*f - gamma2*r
f = clip(f + h*a + sqrt(sigma1*h*abs(before))*NORMAL, 0, inf)
r = clip(r + h*b, 0, inf)
s = s*keep
"""
ARM = "armed = armed or v < rearm"


def groups(meta: dict, arrays, *, split: bool) -> dict:
    """Neurons and sources by name."""
    h = meta["dt"]
    names = meta["constants"] | {"h": h, "keep": float(np.exp(-h / meta["tau"]))}
    found = {}
    for name, n in meta["neurons"].items():
        group = b2.NeuronGroup(
            n,
            "f:1\nr:1\nv:1\ns:1\nz:1\narmed:boolean",
            threshold="armed and v > level",
            reset="armed = False",
            namespace=names,
            name=name,
        )
        if split:
            group.run_regularly("z = randn()", dt=h * b2.second, when="start", name=name + "_noise")
        code = STEP.replace("NORMAL", "z" if split else "randn()")
        group.run_regularly(code, dt=h * b2.second, when="groups", order=-2, name=name + "_step")
        group.run_regularly(ARM, dt=h * b2.second, when="groups", order=-1, name=name + "_arm")
        for state in ("f", "r", "v"):
            if f"{name}.{state}" in arrays:
                setattr(group, state, arrays[f"{name}.{state}"])
        group.armed = True
        found[name] = group
    for name, (n, rate) in meta["sources"].items():
        found[name] = b2.PoissonGroup(n, rate * b2.Hz, name=name)
    return found


def network(meta: dict, arrays, *, split: bool) -> tuple:
    """All objects, and the monitors of the neurons."""
    found = groups(meta, arrays, split=split)
    wires = []
    for k, (pre, post, weight) in enumerate(meta["wires"]):
        wire = b2.Synapses(
            found[pre],
            found[post],
            on_pre=f"s_post += {weight}",
            delay=meta["delay"] * b2.second,
            name=f"wires{k}",
        )
        wire.connect(i=arrays[f"pre{k}"], j=arrays[f"post{k}"])
        wires.append(wire)
    monitors = {n: b2.SpikeMonitor(found[n], name=f"spikes_{n}") for n in meta["neurons"]}
    return b2.Network(*found.values(), *wires, *monitors.values()), monitors


def main(job: dict) -> dict:
    """Build, run, and say how long it took and who fired."""
    b2.prefs.core.default_float_dtype = np.float32
    b2.prefs.codegen.cpp.extra_compile_args_gcc = [
        "-w",
        "-O3",
        "-ffast-math",
        "-march=native",
        "-std=c++11",
        "-fno-finite-math-only",
    ]
    if job["threads"] > 1:
        b2.prefs.devices.cpp_standalone.openmp_threads = job["threads"]
    folder = tempfile.mkdtemp(prefix="brian2-")
    try:
        begin = time.perf_counter()
        b2.set_device("cpp_standalone", build_on_run=False, directory=folder)
        arrays = np.load(job["problem"])
        meta = json.loads(str(arrays["meta"]))
        b2.defaultclock.dt = meta["dt"] * b2.second
        net, monitors = network(meta, arrays, split=job["split"])
        if job.get("seed") is not None:
            b2.seed(job["seed"])
        net.run(job.get("steps", meta["steps"]) * meta["dt"] * b2.second)
        b2.device.build(directory=folder, compile=True, run=False)
        built = time.perf_counter() - begin
        laps, whole = [], []
        for _ in range(job["repeats"]):
            begin = time.perf_counter()
            b2.device.run(folder, with_output=False, run_args=[])
            whole.append(time.perf_counter() - begin)
            laps.append(float(b2.device._last_run_time))  # noqa: SLF001  # there is no other way
        counts = {n: int(m.num_spikes) for n, m in monitors.items()}
        if job.get("spikes"):
            spikes: dict = {f"{n}.number": np.array(m.i) for n, m in monitors.items()}
            # As memjax counts: a spike is at the end of its step.
            spikes |= {f"{n}.time": np.array(m.t) + meta["dt"] for n, m in monitors.items()}
            np.savez(job["spikes"], **spikes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    peak = max(
        resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "run_s": laps,
        "compile_s": built,
        "whole_s": whole,
        "counts": counts,
        "version": b2.__version__,
        "peak_rss_bytes": 1024 * peak,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
