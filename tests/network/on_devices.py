"""A network on so many devices of so many processes: a digest of its spikes as JSON."""

import hashlib
import json
import sys

import jax
import numpy as np

from memjax.runtime.compile_cache import fuse_small_loops

fuse_small_loops()
jax.config.update("jax_num_cpu_devices", int(sys.argv[1]))
if len(sys.argv) > 2:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{sys.argv[2]}", 2, int(sys.argv[3]))

from memjax import network as nw  # noqa: E402
from memjax.network.energy_program import PHASES  # noqa: E402
from memjax.network.weights import ConductanceOf  # noqa: E402
from memjax.network.wire import SPIKE, places  # noqa: E402
from tests.network.conftest import neurons, spiking  # noqa: E402
from tests.programs import collectives, lowered  # noqa: E402


def interval_bytes(program, room) -> dict[str, int]:
    """Sizes of what the devices have in common after an exchange interval [bytes], by what it is.

    ``spikes`` are lists, of which each device sends its part; on one device there are none to gather.
    """
    plan, item = program.plan, program.dtype.itemsize
    sizes = dict(room.all)
    lists = [places(sizes[n], plan.shards) * plan.shards for n in plan.layouts]
    several = plan.shards > 1
    watched = [
        len(numbers) * len(program.neurons[n].units) * program.rows
        for n, numbers in program.watched.items()
    ]
    ledgers = [
        len(PHASES) * (len(x.energy.kinds) + 1) for x in program.neurons.values() if x.energy
    ]
    read = {r.devices for *_, r in plan.rows if isinstance(r.devices, ConductanceOf)}
    return {
        "spikes": SPIKE * sum(lists) * several,
        "counts": np.int32().itemsize * 3 * len(lists) * several,
        "rates": item * 3 * len(lists),
        "states": item * sum(watched),
        "energies": item * sum(ledgers),
        "conductances": item * sum(plan.layouts[d.group].size for d in read),
    }


found = nw.run(spiking(1100), 0.01, watch={"cells": [0, 700, 1099]})
digest = hashlib.sha256()
for spikes in found.spikes.values():
    for x in spikes:
        digest.update(x.tobytes())
for x in found.traces["cells"].values():
    digest.update(x.tobytes())
for x in found.statistics["cells"].values():
    digest.update(x.tobytes())
# All that fire at once are on one device: more than its share of the lists.
together = nw.Network(groups=[neurons(1100, bias=1e-6 * (np.arange(1100) < 500))], dt=1e-5)
at_once = nw.run(together, 0.002).spikes["cells"]
for x in at_once:
    digest.update(x.tobytes())
# A least number, whether all is finite, is told once a call.
simulation = nw.Simulation(spiking(1100), watch={"cells": [0, 700, 1099]})
arguments = (simulation.engine.fixed, simulation.state, simulation.program.blank(), 0, 1)
text = lowered(simulation.program.run(simulation.room, 1), *arguments)
about = {
    "devices": len(jax.devices()),
    "spikes": len(found.spikes["cells"][0]),
    "at_once": len(at_once[0]),
    "digest": digest.hexdigest(),
    "collectives": collectives(text),
    "wire": interval_bytes(simulation.program, simulation.room),
}
print(json.dumps(about))
