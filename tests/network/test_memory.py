"""What a network takes is told before it starts, and one that does not fit is refused with advice."""

import subprocess
import sys
from pathlib import Path

import pytest

from memjax import network as nw
from memjax.errors import NetworkError
from memjax.network import memory
from tests.network.conftest import neurons, spiking
from tests.network.test_weights import learning

_MEASURE = """
from pathlib import Path
from memjax import network as nw
from tests.network.test_memory import large

def most():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

list(nw.Simulation(large(1_000, 10)).advance(1))
before = most()
list(nw.Simulation(large(100_000, 50)).advance(1))
print(before, most())
"""


def large(n: int, fan_in: int) -> nw.Network:
    """Neurons with inputs from each other."""
    edges = nw.fixed_fan_in(n, n, fan_in)
    receptor = nw.Receptor(tau=1e-3)
    among = nw.Projection(
        pre="cells", post="cells", edges=edges, receptor=receptor, weight=0.0, delay=2e-3
    )
    return nw.Network(groups=[neurons(n)], projections=[among], dt=1e-5)


@pytest.mark.study
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no peak of memory to be read")
def test_the_estimate_is_what_a_run_takes():
    """Within a factor of two of the growth of the process."""
    words = [sys.executable, "-c", _MEASURE]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    grown = int(told[1]) - int(told[0])
    expected = sum(nw.estimate(large(100_000, 50)).values())
    assert 0.5 < expected / grown < 2.0, (expected, grown)


@pytest.mark.wrong_types
def test_what_does_not_fit_is_refused_with_advice(monkeypatch):
    """The largest part, what is free, and what would take less."""
    parts = nw.estimate(spiking())
    largest = max(parts, key=lambda k: parts[k])
    assert largest.startswith("arrivals")
    monkeypatch.setattr(memory, "available", lambda devices: sum(parts.values()) - 1)
    with pytest.raises(NetworkError, match=r"most for arrivals at 'cells'.*exchange_steps"):
        nw.Simulation(spiking())
    monkeypatch.setattr(memory, "available", lambda devices: None)
    assert nw.Simulation(spiking()).done == 0


def test_devices_count():
    """Programmed devices take more than numbers."""
    net = learning()
    plain = nw.Network(
        **{
            **vars(net),
            "projections": [
                nw.Projection(**{**vars(net.projections[0]), "weight": 1.0}),
                net.projections[1],
            ],
        }
    )
    more, less = (sum(nw.estimate(x).values()) for x in (net, plain))
    assert more >= less + 2 * 2 * 8 * 6  # two devices, twice, six numbers each
