"""Files of records: labels, which one is fitted, and what a row of a batch says."""

import numpy as np
import pytest

from fitting import records as module
from fitting.config import Request
from fitting.kinds import Kind
from fitting.records import label_of, one_record, records_of, row_of
from memjax.data import DecayRecord, PulseRecord
from memjax.errors import DataError

PULSES = PulseRecord(
    device="R1", g=np.full((1, 3), 1e-6), kinds=np.array([0, 1]), cycles=np.array([0])
)


@pytest.fixture
def asked(monkeypatch):
    """Requests of a file that holds records."""

    def request(records=(PULSES,), **more):
        monkeypatch.setattr(module, "_read", lambda *_: list(records))
        return Request(dict(files=["a.csv"], reader=None, device=None) | more)

    return request


def test_a_record_is_chosen_by_its_label(asked):
    other = PulseRecord(device="R2", g=PULSES.g, kinds=PULSES.kinds, cycles=PULSES.cycles)
    assert label_of(PULSES) == "R1"
    assert one_record(asked()) is PULSES
    assert one_record(asked(records=[PULSES, other], device="R2")) is other
    with pytest.raises(DataError, match=r"2 devices or runs.*R1, R2"):
        one_record(asked(records=[PULSES, other]))
    with pytest.raises(DataError, match="no device 'R3'"):
        records_of(asked(device="R3"))


def test_records_of_two_kinds_are_refused(asked):
    t = np.arange(10.0)
    decay = DecayRecord(label="run", t=t, r=1e4 + t)
    with pytest.raises(DataError, match="conductances per pulse and decays"):
        records_of(asked(records=[PULSES, decay]))


def test_a_row_holds_the_free_parameters_and_the_loss():
    parameters = {"r_on": {"value": 500.0, "free": True}, "r_off": {"value": 1e4, "free": False}}
    content = {"parameters": parameters, "loss": 2.5}
    assert row_of(content, Kind(label="any")) == {"r_on": 500.0, "loss": 2.5}
    more = Kind(label="any", row=lambda content: {"twice": 2 * content["loss"]})
    assert row_of(content, more) == {"r_on": 500.0, "loss": 2.5, "twice": 5.0}
    worth = {"word": "poor", "reason": "the decay is missed"}
    row = row_of(content | {"verdict": worth}, Kind(label="any"))
    assert (row["verdict"], row["reason"]) == ("poor", "the decay is missed")
