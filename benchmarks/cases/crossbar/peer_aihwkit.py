"""Times of aihwkit; run with the Python of the peer aihwkit.

Reads {file, wire, repeats, ...} on standard input: conductances `g`, voltages `v` and exact currents in an .npz. The
names that the record has besides are given back.

aihwkit's `ir_drop` is a formula for lines of outputs with resistance and ideal lines of inputs. Its documentation has
the first input farthest from the output, its formula nearest to it: the error is that of the formula's order, and
that of the other one stands beside it.
"""
# aihwkit is in the peer's environment only:
# pyright: reportMissingImports=false

import json
import sys
import time

import numpy as np
import torch
from aihwkit.nn import AnalogLinear
from aihwkit.simulator.configs import InferenceRPUConfig
from aihwkit.simulator.parameters.enums import BoundManagementType, NoiseManagementType


def settings(g: np.ndarray, wire: float) -> InferenceRPUConfig:
    """Wires alone: no converters, no noise, no scaling."""
    config = InferenceRPUConfig()
    io = config.forward
    io.inp_res = io.out_res = -1.0
    io.inp_bound, io.out_bound = 1.0, 1e9
    io.inp_noise = io.out_noise = io.w_noise = 0.0
    io.noise_management, io.bound_management = NoiseManagementType.NONE, BoundManagementType.NONE
    io.ir_drop, io.ir_drop_g_ratio = 1.0, float(1 / (wire * g.max()))
    config.mapping.weight_scaling_omega = 0.0
    config.mapping.max_input_size = config.mapping.max_output_size = 0
    return config


def read(g: np.ndarray, v: np.ndarray, wire: float) -> tuple[float, np.ndarray]:
    """Time of a read with the making of its layer [s], and currents [A]."""
    begin = time.perf_counter()
    layer = AnalogLinear(len(g), g.shape[1], bias=False, rpu_config=settings(g, wire)).eval()
    layer.set_weights(torch.tensor((g / g.max()).T.astype(np.float32)), None)
    with torch.no_grad():
        y = layer(torch.tensor((v / v.max()).astype(np.float32))[None])
    current = g.max() * v.max() * y.numpy().ravel().astype(float)
    return time.perf_counter() - begin, current


def main() -> None:
    """Time reads of one array, and compare the last one in both orders."""
    job = json.load(sys.stdin)
    with np.load(job["file"]) as file:
        g, v, exact = file["g"], file["v"], file["current"]
    reads = [read(g[::-1], v[::-1], job["wire"]) for _ in range(job["repeats"])]
    _, documented = read(g, v, job["wire"])
    error, other = (float(np.max(np.abs(x / exact - 1))) for x in (reads[-1][1], documented))
    answer = {name: job[name] for name in ("reference", "problem", "n", "dtype")}
    times = {"run_s": [x for x, _ in reads], "extra": {"error_in_documented_order": other}}
    print(json.dumps(times | {"error": error} | answer))


if __name__ == "__main__":
    main()
