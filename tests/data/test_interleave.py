"""Set and reset sweeps of one device in two files are one recording in the order of the cycles."""

from dataclasses import replace

import numpy as np
import pytest

from memjax.data import Measurement, interleave, interleave_matching, read
from memjax.errors import ReaderError

UP = np.concatenate([np.linspace(0, 1, 21), np.linspace(0.95, 0, 20)])


def sweeps(side, states, *, labels, name, numbered=True, **more):
    """Sweeps to one side, of which each goes from one conductance to another [S] at its peak."""
    v = np.tile(side * UP, len(labels))
    g = np.concatenate([np.where(np.arange(41) < 21, a, b) for a, b in states])
    return Measurement(
        v=v, i=g * v, t=np.tile(0.1 * np.arange(41), len(labels)), sweep=np.repeat(labels, 41),
        at_compliance=np.zeros(len(v), bool), reader="tidy",
        source={"file": f"runs/{name}", "numbered": numbered}, **more,
    )  # fmt: skip


LOW, HIGH = [1e-4, 3e-4, 2e-4, 5e-4], [1e-6, 4e-6, 2e-6, 8e-6, 1e-6]
SETS = list(zip(HIGH[:-1], LOW, strict=True))
RESETS = list(zip(LOW, HIGH[1:], strict=True))
LABELS = [3, 4, 5, 6]


def pair(**more):
    return (
        sweeps(-1, SETS, labels=LABELS, name="set.csv", **more),
        sweeps(1, RESETS, labels=LABELS, name="reset.csv", **more),
    )


def begins_with(m):
    """The half with which cycles begin."""
    (sign,) = {int(np.sign(s.v[s.v != 0][0])) for _, s in m.sweeps()}
    return "reset" if sign > 0 else "set"


def test_a_cycle_is_one_sweep_of_both_halves_and_no_point_is_changed():
    a, b = pair()
    m = interleave(a, b)
    assert m.labels.tolist() == LABELS
    for label, cycle in m.sweeps():
        for n, part in enumerate((a, b)):
            mask, half = part.sweep == label, slice(41 * n, 41 * n + 41)
            for name in ("v", "i"):
                np.testing.assert_array_equal(getattr(cycle, name)[half], getattr(part, name)[mask])
    assert "cycle by number: 3-6; set.csv comes first in each" in m.warnings[-1]


def test_the_second_half_follows_the_first_where_each_file_has_its_clock():
    a, b = pair()
    m = interleave(a, b)
    for _, cycle in m.sweeps():
        np.testing.assert_allclose(cycle.t, 0.1 * np.arange(82), rtol=1e-12)
    assert "each file has a clock of its own" in m.warnings[-2]


def test_one_clock_of_both_files_is_kept():
    a, b = pair()
    later = replace(b, t=b.t + 7.0)
    m = interleave(a, later)
    _, cycle = next(m.sweeps())
    np.testing.assert_array_equal(cycle.t[41:], later.t[:41])
    assert not any("clock" in w for w in m.warnings)


def test_the_order_is_that_of_the_states_and_not_that_of_the_files():
    a, b = pair()
    m = interleave(b, a)
    assert begins_with(m) == "set"
    np.testing.assert_array_equal(m.i, interleave(a, b).i)


def test_a_test_that_begins_with_reset_stays_so():
    resets = list(zip(LOW, HIGH, strict=False))
    sets = list(zip(HIGH, [*LOW[1:], 3e-4], strict=False))
    a = sweeps(-1, sets, labels=LABELS, name="set.csv")
    b = sweeps(1, resets, labels=LABELS, name="reset.csv")
    assert begins_with(interleave(a, b)) == "reset"


def test_a_device_that_conducts_otherwise_at_the_other_polarity_is_ordered_all_the_same():
    a, b = pair()
    m = interleave(replace(b, i=1.7 * b.i), a)
    assert begins_with(m) == "set"


def test_labels_in_another_order_are_matched_by_their_numbers():
    a, b = pair()
    back = sweeps(1, RESETS[::-1], labels=LABELS[::-1], name="reset.csv")
    np.testing.assert_array_equal(interleave(a, back).i, interleave(a, b).i)


def test_sweeps_without_numbers_are_matched_by_their_order_and_that_is_said():
    a, b = pair(numbered=False)
    m = interleave(a, replace(b, sweep=b.sweep - 3))
    assert m.labels.tolist() == [1, 2, 3, 4]
    assert "cycle in the order of its sweeps: 1-4" in m.warnings[-1]


def test_two_cycles_stay_in_the_order_in_which_they_were_given():
    a, b = (m.select(m.sweep < 5) for m in pair())
    m = interleave(b, a)
    assert begins_with(m) == "reset"
    assert "as given" in m.warnings[-1]


@pytest.mark.parametrize("limits", [(None, None), (5e-4, None), (5e-4, 5e-4), (5e-4, 1e-2)])
def test_each_sweep_keeps_its_limit(limits):
    a, b = (replace(m, compliance=x) for m, x in zip(pair(), limits, strict=True))
    m = interleave(a, b)
    want = [np.inf if x is None else x for x in limits]
    np.testing.assert_array_equal(m.limits(), np.tile(want[::-1], (4, 1)))  # set is negative
    assert m.compliance == (max((x for x in limits if x), default=None))


def test_a_time_that_one_file_lacks_is_used_of_neither():
    a, b = pair()
    m = interleave(a, replace(b, t=None))
    assert m.t is None
    assert "one recording has no time: no time is used" in m.warnings


def test_other_cycles_are_refused():
    a, b = pair()
    with pytest.raises(ReaderError, match=r"cycles 3-6 and 4-7 do not match.*--sweeps"):
        interleave(a, replace(b, sweep=b.sweep + 1))
    with pytest.raises(ReaderError, match="4 and 3 sweeps do not match"):
        interleave(replace(a, source={}), b.select(b.sweep < 6))


def test_other_kinds_of_recordings_are_refused():
    a, b = pair()
    with pytest.raises(ReaderError, match="different driven quantities, voltage and current"):
        interleave(a, replace(b, driven="current"))
    with pytest.raises(ReaderError, match="different moduli"):
        interleave(a, replace(b, modulus=True))


def test_halves_of_the_same_cycles_are_joined_by_themselves():
    a, b = pair()
    other = sweeps(1, SETS[:2], labels=[1, 2], name="other.csv")
    joined = interleave_matching([a, other, b])
    assert [len(m.labels) for m in joined] == [4, 2]
    assert joined[1] is other


def test_what_does_not_say_so_stays_apart():
    a, b = pair()
    third = replace(b, source=b.source | {"file": "more.csv"})
    for several in (
        [a, b, third], [a, replace(b, sweep=b.sweep + 1)], [a, replace(b, v=-b.v)],
        list(pair(numbered=False)), [m.select(m.sweep == 3) for m in (a, b)],
    ):  # fmt: skip
        assert interleave_matching(several) == several


@pytest.mark.parametrize(("column", "numbered"), [("cycle", True), ("device", False)])
def test_a_column_of_devices_numbers_no_cycles(tmp_path, column, numbered):
    path = tmp_path / "a.csv"
    rows = [f"{n},{v},{n * v * 1e-6}" for n in (1, 2) for v in UP]
    path.write_text(f"{column},v_V,i_A\n" + "\n".join(rows) + "\n")
    assert read(path).source.get("numbered", False) is numbered


def test_set_and_reset_of_a_device_are_one_recording(shared_data):
    folder = shared_data / "raw" / "keithley_4200_rram"
    parts = [read(folder / f"M12 04 endurance {word}.xlsx") for word in ("reset", "set")]
    (m,) = interleave_matching(parts)
    assert m.labels.tolist() == [6, 7, 8, 9, 10]
    assert begins_with(m) == "set"
    assert np.count_nonzero(m.at_compliance) == 1528
    assert len(m.v) == sum(len(p.v) for p in parts)
