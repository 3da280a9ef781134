"""Options of conductances per pulse: cycles that are held out, and pulses that nobody stated."""

import numpy as np
import pytest

from fitting import records
from fitting.pulses.kind import PulseConfig, _protocol, cycles
from memjax.data import PulseProtocol, PulseRecord
from memjax.errors import DataError

RECORD = PulseRecord(
    device="R1", g=np.full((4, 3), 1e-6), kinds=np.array([0, 1]), cycles=np.arange(4)
)


@pytest.fixture(autouse=True)
def _one_record(monkeypatch):
    """Each file holds the record."""
    monkeypatch.setattr(records, "_read", lambda *_: [RECORD])


def _config(**more) -> PulseConfig:
    return PulseConfig(files=["a.csv"], **more)


def test_the_last_cycles_are_held_out():
    fitted, held = cycles(_config(hold_out=1))
    assert held is not None
    assert (len(fitted.g), held.cycles.tolist()) == (3, [3])
    assert cycles(_config(hold_out=None)) == (RECORD, None)
    with pytest.raises(DataError, match="4 of 4 cycles"):
        cycles(_config(hold_out=4))


def test_what_is_not_stated_is_assumed_and_said():
    found, (widths, read) = _protocol(RECORD, _config(pulse_voltages=[2.0, -1.0]))
    assert found == PulseProtocol(voltages=(2.0, -1.0), widths=(1e-6, 1e-6), read_voltage=0.1)
    assert widths.startswith("widths not stated, taken as 1e-06 and 1e-06 s: fitted rates belong")
    assert read.startswith("read voltage not stated, taken as 0.1 V")
    assert "--read-voltage" in read
