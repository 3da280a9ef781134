"""The networks in C: a job as JSON on standard input, an answer on the last line (see network.c)."""

import ctypes as ct
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FLAGS = ["-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math"]
FLAGS += ["-fno-associative-math", "-mno-recip", "-fschedule-insns", "-fsched-pressure"]
FLAGS += ["-fopenmp", "-shared", "-fPIC"]
NAMES = ["dt", "tau", "mu", "alpha", "beta", "gamma1", "gamma2", "lam", "r_on", "r_off"]
NAMES += ["sigma1", "r_c", "c_gate", "level", "rearm", "bias"]
SPIKE = np.dtype([("who", np.int32), ("step", np.int32)])


def library(folder: str):
    """The compiled program."""
    path, source = Path(folder) / "network.so", Path(__file__).with_name("network.c")
    subprocess.run(["gcc", *FLAGS, str(source), "-o", str(path), "-lm"], check=True)
    lib = ct.CDLL(str(path))

    def array(kind):
        return np.ctypeslib.ndpointer(kind, flags="C")

    lib.network_new.restype = ct.c_void_p
    arguments = [array(float), ct.c_int, *[array(np.float32)] * 3, ct.c_int, array(float)]
    arguments += [array(np.int64), array(np.int32), array(np.float32)]
    lib.network_new.argtypes = [*arguments, ct.c_int, ct.c_int, ct.c_uint64]
    lib.network_run.restype = ct.c_int64
    lib.network_run.argtypes = [ct.c_void_p, ct.c_int, array(SPIKE), ct.c_int64]
    lib.network_free.argtypes = [ct.c_void_p]
    return lib


class Network:
    """A network from a file of arrays, see `problem.Problem.save`."""

    def __init__(self, lib, path: str, *, threads: int = 1, seed: int = 1):
        arrays = np.load(path)
        meta = json.loads(str(arrays["meta"]))
        self.lib, self.meta, self.threads, self.seed = lib, meta, threads, seed
        self.steps = round(meta["delay"] / meta["dt"])
        constants = meta["constants"] | {"dt": meta["dt"], "tau": meta["tau"]}
        self.constants = np.array([constants[k] for k in NAMES], float)
        sizes = dict(meta["neurons"]) | {g: n for g, (n, _) in meta["sources"].items()}
        begins = np.cumsum([0, *sizes.values()])[:-1]
        self.offset = dict(zip(sizes, begins, strict=True))
        self.n, total = sum(meta["neurons"].values()), sum(sizes.values())
        self.start = [np.zeros(self.n, np.float32) for _ in range(3)]
        for g, n in meta["neurons"].items():
            for x, name in zip(self.start, ("f", "r", "v"), strict=True):
                if f"{g}.{name}" in arrays:
                    x[self.offset[g] : self.offset[g] + n] = arrays[f"{g}.{name}"]
        rates = [r for n, r in meta["sources"].values() for _ in range(n)]
        self.rates = np.array(rates or [0.0])
        self._connect(arrays, meta["wires"], total)
        self.handle = None
        self.restart()

    def _connect(self, arrays, wires: list, total: int) -> None:
        """Tables of connections by source."""
        parts = [
            (arrays[f"pre{k}"] + self.offset[pre], arrays[f"post{k}"] + self.offset[post], w)
            for k, (pre, post, w) in enumerate(wires)
        ]
        pre = np.concatenate([np.zeros(0, int), *(p[0] for p in parts)])
        post = np.concatenate([np.zeros(0, int), *(p[1] for p in parts)])
        weight = np.concatenate([np.zeros(0), *(np.full(len(p[0]), p[2]) for p in parts)])
        order = np.argsort(pre.astype(np.int64) * total + post, kind="stable")
        first = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=total))])
        self.first, self.target = first.astype(np.int64), post[order].astype(np.int32)
        self.weight = weight[order].astype(np.float32)

    def restart(self) -> None:
        """Back to the start."""
        if self.handle:
            self.lib.network_free(self.handle)
        sources = sum(n for n, _ in self.meta["sources"].values())
        neurons = (self.constants, self.n, *self.start, sources, self.rates)
        tables = (self.first, self.target, self.weight)
        self.handle = self.lib.network_new(*neurons, *tables, self.steps, self.threads, self.seed)

    def run(self, intervals: int, room: int | None = None):
        """Go on; spikes."""
        room = self.n * (1 + intervals // 10) if room is None else room
        out = np.empty(room, SPIKE)
        count = self.lib.network_run(self.handle, intervals, out, room)
        return out[: min(count, room)], count


def main(job: dict) -> dict:
    """Build, run, and say how long it took and who fired."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        lib = library(folder)
        net = Network(lib, job["problem"], threads=job["threads"], seed=job.get("seed") or 1)
    built = time.perf_counter() - begin
    intervals = round(job.get("steps", net.meta["steps"]) / net.steps)
    laps, cpu, spikes = [], [], np.empty(0, SPIKE)
    for _ in range(job["repeats"]):
        net.restart()
        begin, own = time.perf_counter(), time.process_time()
        spikes, _ = net.run(intervals)
        laps.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - own)
    sizes = net.meta["neurons"]
    group = {
        g: (spikes["who"] >= net.offset[g]) & (spikes["who"] < net.offset[g] + n)
        for g, n in sizes.items()
    }
    if job.get("spikes"):
        # As memjax counts: a spike is at the end of its step.
        numbers = {f"{g}.number": spikes["who"][k] - net.offset[g] for g, k in group.items()}
        times = (spikes["step"] + 1) * net.meta["dt"]
        np.savez(job["spikes"], **numbers, **{f"{g}.time": times[k] for g, k in group.items()})
    return {
        "run_s": laps,
        "cpu_s": cpu,
        "compile_s": built,
        "whole_s": laps,
        "counts": {g: int(k.sum()) for g, k in group.items()},
        "version": "C",
        "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
