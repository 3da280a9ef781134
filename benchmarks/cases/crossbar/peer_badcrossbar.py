"""Times of badcrossbar; run with the Python of the peer badcrossbar.

Reads {file, wire, repeats, ...} on standard input: conductances `g`, voltages `v` and exact currents in an .npz.
The names that the record has besides are given back.
"""
# badcrossbar is in the peer's environment only:
# pyright: reportMissingImports=false

import json
import logging
import sys
import time

import badcrossbar
import numpy as np


def main() -> None:
    """Time reads of one array, and compare the last one."""
    logging.disable(logging.CRITICAL)
    job = json.load(sys.stdin)
    with np.load(job["file"]) as file:
        g, v, exact = file["g"], file["v"], file["current"]
    seconds, current = [], np.zeros(0)
    for _ in range(job["repeats"]):
        begin = time.perf_counter()
        current = badcrossbar.compute(v[:, None], 1 / g, job["wire"]).currents.output.ravel()
        seconds.append(time.perf_counter() - begin)
    error = float(np.max(np.abs(current / exact - 1)))
    answer = {name: job[name] for name in ("reference", "problem", "n", "dtype")}
    print(json.dumps({"run_s": seconds, "error": error} | answer))


if __name__ == "__main__":
    main()
