"""Networks of 1M1T1R neurons: time of a neuron-step, and what they do, beside Brian2."""

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np

from benchmarks.cases.network import balance, ours, problem as pb
from benchmarks.environments import asked, heard
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from memjax import network as nw

PEER, SCRIPT = "brian2", Path(__file__).with_name("peer_brian2.py")
C = [sys.executable, str(Path(__file__).with_name("peer_c.py"))]
OURS = [sys.executable, "-m", "benchmarks.cases.network.ours"]
BASELINE = "Brian2, 1 threads"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done.

    Parameters
    ----------
    n, steps, repeats : int
        Neurons, steps and repeats of a timed run.
    scaling : tuple of (int, int)
        Neurons and steps of further runs of ours.
    blocks, scale : int
        Balanced networks, and inhibitory neurons of each.
    duration : float
        Of the balanced networks [s].
    alone : int
        Neurons that the adaptive policy is given.
    """

    n: int
    steps: int
    repeats: int
    scaling: tuple[tuple[int, int], ...]
    blocks: int
    scale: int
    duration: float
    alone: int


SIZES = {
    "smoke": Size(
        n=2000,
        steps=4000,
        repeats=2,
        scaling=(),
        blocks=6,
        scale=12,
        duration=0.12,
        alone=4,
    ),
    "full": Size(
        n=100_000,
        steps=20_000,
        repeats=2,
        scaling=((10_000, 100_000), (100_000, 10_000), (1_000_000, 2_000)),
        blocks=16,
        scale=200,
        duration=0.4,
        alone=100,
    ),
}


@dataclass(frozen=True)
class Speed:
    """Times of neuron-steps.

    Parameters
    ----------
    record : Recorder
        Where they go.
    size : Size
        How much is done.
    per_step : dict of str to float
        Time of a neuron-step [s] by variant, of the best repeat.
    whole : dict of str to float
        Time of a first run with all that goes before [s], by variant.
    busy : dict of str to float
        Processor time of a neuron-step [s] by variant, of the best repeat: other work disturbs it least.
    """

    record: Recorder
    size: Size
    per_step: dict[str, float] = field(default_factory=dict)
    whole: dict[str, float] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    def _kept(self, variant: str, said: dict, n: int, steps: int, **extra) -> None:
        """Record one variant, with what it is compared with so far."""
        best, first = min(said["run_s"]), said["compile_s"] + said.get("whole_s", said["run_s"])[0]
        self.per_step[variant], self.whole[variant] = best / (n * steps), first
        if "cpu_s" in said:
            self.busy[variant] = min(said["cpu_s"]) / (n * steps)
            extra["cpu_ns_per_neuron_step"] = 1e9 * self.busy[variant]
        self.record.ok(
            variant,
            Times(run=said["run_s"], compile=said["compile_s"]),
            error=None,
            reference="none: times",
            n=n,
            dtype="float32",
            problem=f"{steps} steps",
            peak_rss_bytes=said["peak_rss_bytes"],
            extra={
                "ns_per_neuron_step": 1e9 * best / (n * steps),
                "with_compilation_s": first,
                **extra,
            },
        )

    def theirs(self, threads: int, path: Path) -> None:
        """Brian2 on so many threads."""
        job = {"problem": str(path), "threads": threads, "split": True}
        said, status, reason = asked(PEER, SCRIPT, job | {"repeats": self.size.repeats})
        variant, n, steps = f"Brian2, {threads} threads", self.size.n, self.size.steps
        if said is None:
            self.record.write(variant, status=status, reason=reason, peer=PEER)
            return
        rate = said["counts"]["cells"] / (n * steps * pb.DT)
        self._kept(variant, said, n, steps, rate_hz=rate, version=said["version"])

    def in_c(self, threads: int, path: Path) -> None:
        """The same by hand in C on so many threads."""
        variant, n, steps = f"C, {threads} threads", self.size.n, self.size.steps
        if shutil.which("gcc") is None:
            self.record.write(variant, status="skipped", reason="no gcc")
            return
        job = {"problem": str(path), "threads": threads, "repeats": self.size.repeats}
        said, status, reason = heard(C, job)
        if said is None:
            self.record.write(variant, status=status, reason=reason)
            return
        rate = said["counts"]["cells"] / (n * steps * pb.DT)
        self._kept(variant, said, n, steps, rate_hz=rate)

    def ours(self, devices: int, n: int, steps: int, *, connected: bool = True) -> None:
        """Our network, or its neurons without connections, on so many devices."""
        kind = "memjax" if connected else "memjax, no connections"
        variant = f"{kind}, {devices} devices"
        job = {"n": n, "steps": steps, "devices": devices, "connected": connected}
        said, status, reason = heard(OURS, job | {"repeats": self.size.repeats})
        if said is None:
            self.record.write(variant, status=status, reason=reason)
            return
        about = {"rates_hz": said["rates"], "problem_s": said["made_s"], "kernel": said["kernel"]}
        self._kept(variant, said, n, steps, **about)

    def ratios(self) -> None:
        """Record what the figures of the network come to."""
        best = lambda some, start: min(x for k, x in some.items() if k.startswith(start))  # noqa: E731
        ours = [f"memjax, {d} devices" for d in (1, 2)]
        found = {}
        if any(k.startswith("Brian2") for k in self.per_step):
            for name, some in (("speed", self.per_step), ("speed_with_compilation", self.whole)):
                found[f"{name}_over_brian2"] = best(some, "Brian2") / min(some[k] for k in ours)
        for k in (1, 2):
            if f"C, {k} threads" in self.busy and f"memjax, {k} devices" in self.busy:
                ratio = self.busy[f"memjax, {k} devices"] / self.busy[f"C, {k} threads"]
                found[f"processor_time_over_c_{k}"] = ratio
        alone = best(self.per_step, "memjax, no connections")
        network = min(self.per_step[k] for k in ours)
        found["share_of_unconnected_speed"] = alone / network
        self.record.ok(
            "ratios",
            Times(run=[network]),
            error=None,
            reference="none: ratios",
            n=self.size.n,
            dtype="float32",
            problem=f"{self.size.steps} steps",
            extra=found,
        )


def speed(record: Recorder, size: Size, folder: Path) -> None:
    """One after the other, so that what else the machine does is shared."""
    path = folder / "throughput.npz"
    pb.throughput(size.n, steps=size.steps).save(path)
    of = Speed(record, size)
    for k in (1, 2):
        of.theirs(k, path)
        of.in_c(k, path)
        of.ours(k, size.n, size.steps)
        of.ours(k, size.n, size.steps, connected=False)
    of.ratios()
    path.unlink()
    more = Speed(record, size)
    for n, steps in size.scaling:
        more.ours(2, n, steps)


def _compared(record: Recorder, variant: str, found: dict, seconds: float, **fields) -> None:
    """Record differences in standard errors."""
    record.ok(
        variant,
        Times(run=[seconds]),
        error=float(np.max([abs(x["z"]) for x in found.values()])),
        tolerance=4.0,
        reference="no difference, in standard errors, of the largest",
        extra=found,
        **fields,
    )


def behaviour(record: Recorder, size: Size, folder: Path) -> None:
    """A balanced network beside Brian2's, beside the adaptive policy, and beside itself at half the step."""
    problem = pb.balanced(size.blocks, duration=size.duration, scale=size.scale)
    of = {"n": problem.size, "problem": f"balanced, {size.blocks} blocks"}
    begin = time.perf_counter()
    run = nw.run(ours.network(problem, seed=1), problem.duration)
    taken = time.perf_counter() - begin
    path, spikes = folder / "balanced.npz", folder / "spikes.npz"
    problem.save(path)
    job = {"problem": str(path), "spikes": str(spikes), "threads": 1, "repeats": 1, "seed": 1}
    mine = balance.by_block(problem, run.spikes, size.blocks)
    if shutil.which("gcc") is not None:
        said, status, reason = heard(C, job)
        if said is None:
            record.write("C, statistics", status=status, reason=reason, **of)
        else:
            other = balance.by_block(problem, balance.theirs(spikes, problem), size.blocks)
            found = balance.paired_z(mine, other)
            _compared(record, "C, statistics", found, taken, dtype="float32", **of)
    said, status, reason = asked(PEER, SCRIPT, job | {"split": True})
    if said is None:
        record.write("Brian2, statistics", status=status, reason=reason, peer=PEER, **of)
    else:
        other = balance.by_block(problem, balance.theirs(spikes, problem), size.blocks)
        found = balance.paired_z(mine, other)
        _compared(record, "Brian2, statistics", found, taken, peer=PEER, dtype="float32", **of)
    begin = time.perf_counter()
    alone = balance.adaptive(problem, run, count=size.alone)
    taken = time.perf_counter() - begin
    _compared(record, "adaptive policy, same input", alone, taken, **of)
    begin = time.perf_counter()
    half = balance.halved(size.blocks, duration=size.duration, scale=size.scale)
    taken = time.perf_counter() - begin
    _compared(record, "half the step", half, taken, dtype="float32", **of)


def run(size: str, record: Recorder) -> None:
    """Times, each in a process of its own; then what the networks do."""
    jax.config.update("jax_num_cpu_devices", 2)
    jax.config.update("jax_enable_x64", True)
    with tempfile.TemporaryDirectory() as folder:
        speed(record, SIZES[size], Path(folder))
        behaviour(record, SIZES[size], Path(folder))


CASE = Case(
    name="network",
    run=run,
    baseline=BASELINE,
    suites=("network",),
    peers=(PEER,),
    limit_s=7200.0,
)
