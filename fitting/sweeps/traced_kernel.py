"""A problem of sweeps inside of a program of JAX, solved there by its kernel in C."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import Array, Bool, Float

from memjax.simulate.stiff_kernel import StiffKernel


class TracedKernel(eqx.Module):
    """Residuals and derivatives of a problem of sweeps, as a sampler evaluates them inside of its own program.

    Parameters
    ----------
    problem : Problem
        The problem, of waveforms of a common length.
    kernel : StiffKernel
        What solves it.
    begin, linearise : callable
        `fitting.sweeps.problem.begin_lanes` and `fitting.sweeps.read_lanes.linearise_lanes`.
    """

    problem: Any
    kernel: StiffKernel = eqx.field(static=True)
    begin: Callable[..., tuple] = eqx.field(static=True)
    linearise: Callable[..., tuple] = eqx.field(static=True)

    def data_linearised(
        self, z: Float[Array, " free"]
    ) -> tuple[Float[Array, " data"], Float[Array, "data free"], Bool[Array, ""]]:
        """Residuals of the data [sigma] at coordinates, their Jacobian, and success."""
        values, (d_numbers, dy0), zeros = self.begin(self.problem, z)
        along = d_numbers[:, list(self.kernel.moving)], dy0
        group, policy = self.problem.group, self.problem.policy
        numbers, y0 = values
        lanes = self.kernel(
            numbers, y0, along, stimuli=group.stimuli, zeros=zeros, rows=group.rows, policy=policy
        )
        r, jacobian, ok = self.linearise(self.problem, z, lanes)
        return r[: -len(z)], jacobian[: -len(z)], ok
