"""One step of a training with Spyx's LIF neurons: a job as JSON on standard input, an answer on the last line.

Surrogate derivatives (superspike), cross entropy of the outputs' mean number of spikes, Adam.
"""
# spyx is in the peer's environment only:
# pyright: reportMissingImports=false

import json
import resource
import sys
import time
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import optax
import spyx
from flax import nnx


def main() -> None:
    """Time the steps."""
    job = json.load(sys.stdin)
    x = np.zeros((job["steps"], job["batch"], job["sources"]), np.float32)
    x[tuple(np.array(job["spikes"]))] = 1.0
    x, labels = jnp.asarray(x), jnp.asarray(job["labels"])
    spike = spyx.axn.superspike(25)

    def lif(n):
        return spyx.nn.LIF((n,), beta=0.97, activation=spike, rngs=nnx.Rngs(0))

    model = spyx.nn.Sequential(
        nnx.Linear(job["sources"], job["hidden"], rngs=nnx.Rngs(1)), lif(job["hidden"]),
        nnx.Linear(job["hidden"], job["classes"], rngs=nnx.Rngs(2)), lif(job["classes"]),
    )  # fmt: skip
    optimizer = nnx.Optimizer(model, optax.adam(5e-3), wrt=nnx.Param)

    def loss(model):
        spikes, _ = spyx.nn.run(model, x)
        scores = 10 * spikes.mean(0)
        return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

    @nnx.jit
    def step(model, optimizer):
        value, slope = nnx.value_and_grad(loss)(model)
        optimizer.update(model, slope)
        return value

    seconds, cpu, losses = [], [], []
    # The first calls compile: the optimizer's state has other types after the first step.
    for _ in range(4 + job["repeats"]):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        losses.append(float(jax.block_until_ready(step(model, optimizer))))
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - cpu_begin)
    answer = {"run_s": seconds[4:], "cpu_s": cpu[4:], "losses": losses, "version": version("spyx")}
    answer |= {"library": f"jax {jax.__version__}", "first_s": seconds[0]}
    answer["peak_rss_bytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
