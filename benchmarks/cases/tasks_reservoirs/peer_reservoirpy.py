"""States of echo state networks of reservoirpy; run with the Python of the peer reservoirpy.

Reads {inputs, units, seeds, out} on standard input, writes the states as an .npz, and prints one JSON object.
"""
# reservoirpy is in the peer's environment only:
# pyright: reportMissingImports=false

import json
import sys
import time

import numpy as np
import reservoirpy
from reservoirpy.nodes import Reservoir


def main() -> None:
    """Run a network of each seed over the inputs, scaled to -1 .. 1."""
    job = json.load(sys.stdin)
    u = 2 * np.array(job["inputs"])[:, None] - 1
    states, seconds = {}, []
    for k in range(job["seeds"]):
        begin = time.perf_counter()
        network = Reservoir(job["units"], sr=0.9, lr=1.0, input_scaling=1.0, seed=k)
        states[f"seed{k}"] = np.asarray(network.run(u))
        seconds.append(time.perf_counter() - begin)
    np.savez(job["out"], **states)
    print(json.dumps({"run_s": seconds, "version": reservoirpy.__version__}))


if __name__ == "__main__":
    main()
