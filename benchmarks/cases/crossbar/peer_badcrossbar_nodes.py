"""Node voltages by badcrossbar; run with the Python of the peer badcrossbar.

Reads {file, arrays, ...} on standard input: of array k conductances `g{k}`, voltages `v{k}`, the resistance of a
segment `wire{k}`, and node voltages `word{k}` and `bit{k}` and currents `cell{k}` and `current{k}` by memjax in an
.npz. The names that the record has besides are given back.
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
    """Compare all arrays; the error is the largest relative difference of a node voltage or output current.

    Currents of cells are over the largest one: word line and bit line of some cells are nearly at one voltage.
    """
    logging.disable(logging.CRITICAL)
    job = json.load(sys.stdin)
    with np.load(job["file"]) as file:
        numbers = dict(file)
    seconds, errors = [], {}
    for k in range(job["arrays"]):
        g, wire = numbers[f"g{k}"], float(numbers[f"wire{k}"])
        begin = time.perf_counter()
        solution = badcrossbar.compute(numbers[f"v{k}"][:, None], 1 / g, wire)
        seconds.append(time.perf_counter() - begin)
        pairs = {
            "word": solution.voltages.word_line,
            "bit": solution.voltages.bit_line,
            "cell": solution.currents.device,
            "current": solution.currents.output.ravel(),
        }
        ratios = [
            np.max(np.abs(numbers[f"{name}{k}"] - x) / (x.max() if name == "cell" else x))
            for name, x in pairs.items()
        ]
        errors[f"{len(g)} x {len(g)}, {wire:g} ohm"] = float(max(ratios))
    answer = {name: job[name] for name in ("reference", "problem", "n", "dtype", "tolerance")}
    print(json.dumps({"run_s": seconds, "error": max(errors.values()), "extra": errors} | answer))


if __name__ == "__main__":
    main()
