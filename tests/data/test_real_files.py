"""Raw files of instruments and scripts, against numbers got from the text without any reader.

How the expected numbers were obtained, per set (awk on the raw text; ``mm(k)`` is the smallest and
largest value of column k, ``n`` the count of data lines):

nottingham     awk 'NR>1': n, mm(1), mm(2); loops: times that column 1 rises through zero
sto timed      awk -F, 'NR>1': n, mm(3), mm(4); at the limit: count of column 4 <= -0.04975;
               one sweep: column 3 goes 0, +1, -V, 0 and changes direction twice
sto old        tr -d '\r' | awk 'NR>1': n, mm(2), mm(3); one sweep: 1, -V, 1 V
vo2 sweep      tr -d '\r"' | awk -F, 'NR>35': n, mm(3), mm(4); limit: settings row "...Limit" 0.1
vo2 pulses     tr -d '\r"' | awk -F, 'NR>1': n, mm(3), mm(4); two pulses, no ramp: one record
b1500          grep '^DataValue' | awk -F,: n, mm(2), mm(last); limit: the settings line
               Measurement.Primary.Compliance; driven: Channel.Func has VAR1 third (Gate) or
               first (Drain)
sdc knowm      awk -F, 'NR>2': n, mm of $3-$2 and of $2/1e5 (the formula of the sidecar); loops: 8 s
               of a 25 Hz triangle that starts within a period: 200 and a part
usc, clean     awk -F, 'NR>1': n, changes of column 1, count of column 4 >= 9.946e-7 (0.5 %
               below the median of the flat top)
"""

import os
from pathlib import Path

import numpy as np
import pytest

from memjax.data import read
from memjax.data.compliance import find_limit
from memjax.errors import ReaderError

ROOT = Path(
    os.environ.get("MEMJAX_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data")
)

# file, points, sweeps, v_min, v_max, i_min, i_max, compliance, at it
FOLDERS = {
    "nottingham": ("nottingham_switchbox_iv", "labscript"),
    "sto": ("sto_nb_iv_timed", "quick-iv"),
    "old": ("sto_nb_iv_old_device", "text"),
    "vo2": ("vo2_iv_sweep", "kickstart"),
    "pulses": ("vo2_short_pulses", "kickstart"),
    "b1500": ("format_b1500_easyexpert_classic", "b1500"),
}
CASES = [
    ("nottingham/10-FS", 363, 3, -1.5, 1.5, -6.177e-4, 6.175e-4, None, 0),
    ("nottingham/11-FS", 609, 3, -2.5, 2.5, -3.161e-5, 1.672e-4, None, 0),
    ("nottingham/17-FS", 81, 3, -0.3, 0.3, -2.406e-10, 2.014e-10, None, 0),
    ("nottingham/19-FS*3-.txt", 729, 3, -3, 3, -7.342e-6, 8.117e-5, None, 0),
    ("nottingham/19-FS*3-1.txt", 729, 3, -3, 3, -8.132e-10, 3.128e-8, None, 0),
    ("nottingham/20-FS", 672, 3, -2.8, 2.8, -1.268e-4, 2.434e-4, None, 0),
    ("nottingham/3-FS", 483, 3, -2, 2, -6.878e-7, 9.032e-6, None, 0),
    ("nottingham/31-FS", 1015, 5, -2.5, 2.5, -9.988e-7, 1.701e-5, None, 0),
    ("sto/*003", 601, 1, -1.99004304, 0.99999416, -0.04999890, 0.01488653, None, 0),
    ("sto/*006", 601, 1, -1.95240951, 0.99999154, -0.04999875, 0.01544061, 0.05, 11),
    ("sto/*009", 601, 1, -1.92177844, 0.99998975, -0.04999877, 0.01569636, 0.05, 17),
    ("sto/*012", 601, 1, -1.90938044, 0.99998868, -0.04999881, 0.01622661, 0.05, 20),
    ("sto/*035", 601, 1, -1.99999666, 0.99996203, -0.00562593, 0.00710785, None, 0),
    ("sto/*036", 801, 1, -2.99971008, 0.99996239, -0.00709149, 0.00696592, None, 0),
    ("sto/*037", 1001, 1, -3.99976110, 0.99996269, -0.00659799, 0.00654447, None, 0),
    ("sto/*040", 601, 1, -1.99999690, 0.99996012, -0.00672830, 0.00744773, None, 0),
    ("old/p1V_m1V", 202, 1, -1, 1, -8.758506e-6, 0.009546169, None, 0),
    ("old/p1V_m2V", 302, 1, -2, 1, -3.442768e-5, 0.009549203, None, 0),
    ("old/p1V_m3V", 402, 1, -3, 1, -4.196838e-5, 0.009546758, None, 0),
    ("old/p1V_m4V", 502, 1, -4, 1, -5.84784e-5, 0.009537644, None, 0),
    ("vo2/VO2", 419, 1, 0.099997789, 20.99996567, 2e-5, 0.095398203, 0.1, 0),
    ("pulses/4.25V", 1106, 1, -3.488785e-4, 4.24938011, -3.826463e-6, 0.00698804, None, 0),
    ("pulses/4.5V", 1106, 1, -3.634153e-4, 4.49937486, -3.220869e-6, 0.00773924, None, 0),
    ("b1500/Gate", 801, 1, -80, 80, -3.80028e-10, 1.611e-11, 1e-6, 0),
    ("b1500/*00_02_00", 201, 1, -0.05, 0.05, -6.79658e-8, 6.44958e-8, 1e-5, 0),
    ("b1500/*00_02_20", 201, 1, -0.05, 0.05, -7.1477e-8, 6.93384e-8, 1e-5, 0),
]  # fmt: skip

CLEAN = [  # file, points, sweeps
    ("ag_nanowire_network_pulses", 6000, 2),
    ("hfo2_rtn_staircase", 120000, 6),
    ("nottingham_switchbox_iv", 10724, 14),
    ("sdc_knowm_retention", 33500, 60),
    ("sto_nb_iv_old_device", 1408, 4),
    ("sto_nb_iv_timed", 9613, 13),
    ("usc_diffusive_pulse", 71365, 7),
    ("vo2_current_sweep_b1500", 202, 1),
    ("vo2_iv_cycles", 606, 6),
    ("vo2_iv_sweep", 419, 1),
    ("vo2_short_pulses", 12167, 11),
    ("umass_diffusive_relaxation_layer1", 999 * 195, 195),
]


def find(pattern: str, suffix: str = "") -> Path:
    found = sorted(ROOT.glob(f"{pattern}*{suffix}"))
    if not found:
        pytest.skip(f"no {pattern} under {ROOT}: set MEMJAX_DATA")
    return found[0]


@pytest.mark.parametrize(
    ("file", "points", "sweeps", "v_min", "v_max", "i_min", "i_max", "limit", "at"),
    CASES,
)
def test_raw_file_reads_as_counted_by_hand(
    file, points, sweeps, v_min, v_max, i_min, i_max, limit, at
):
    name, _, start = file.partition("/")
    folder, reader = FOLDERS[name]
    m = read(find(f"raw/{folder}/{start}"))
    assert (m.reader, len(m.v), len(m.labels)) == (reader, points, sweeps)
    ranges = [m.v.min(), m.v.max(), m.i.min(), m.i.max()]
    np.testing.assert_allclose(ranges, [v_min, v_max, i_min, i_max], rtol=2e-6)
    assert (m.compliance, m.at_compliance.sum()) == (limit, at)
    assert m.driven == "voltage"
    assert not m.modulus


@pytest.mark.parametrize("pattern", ["10-FS", "11-FS", "19-FS*3-.txt", "3-FS", "31-FS"])
def test_nottingham_loops_are_cut_where_the_voltage_rests(pattern):
    m = read(find(f"raw/nottingham_switchbox_iv/{pattern}"))
    for _, loop in m.sweeps():
        # Every file holds n equal loops 0, +V, 0, -V, 0.
        assert len(loop.v) == len(m.v) // len(m.labels)
        assert abs(loop.v[0]) < 1e-9
        assert abs(loop.v[-1]) < 1e-9
        assert loop.v.argmax() < loop.v.argmin()
    assert any("guess" in w for w in m.warnings)


@pytest.mark.parametrize(
    ("pattern", "first", "last"),
    [("10-FS", 0.0, 38.32), ("11-FS", 0.1997, 161.6), ("31-FS", 0.1971, 269.1)],
)
def test_good_time_of_a_lab_script_is_kept(pattern, first, last):
    m = read(find(f"raw/nottingham_switchbox_iv/{pattern}"))
    assert (m.t[0], m.t[-1]) == (first, last)


@pytest.mark.parametrize("pattern", ["17-FS", "19-FS*3-.txt", "19-FS*3-1.txt"])
def test_epoch_time_rounded_to_four_digits_is_said_to_be_useless(pattern):
    m = read(find(f"raw/nottingham_switchbox_iv/{pattern}"))
    assert m.t is None
    assert any("time is useless" in w and "1.765e+09" in w for w in m.warnings)


def test_inferred_compliance_is_a_warning_and_stated_compliance_is_none():
    inferred = read(find("raw/sto_nb_iv_timed/*012"))
    stated = read(find("raw/vo2_iv_sweep/VO2"))
    assert any("compliance" in w for w in inferred.warnings)
    assert stated.warnings == ("columns left aside: SMU-1 Resistance (Ω)",)
    assert stated.source["settings"]["Limit"] == "0.1"
    assert (stated.t[0], stated.t[-1]) == (1.10350078, 145.4917313)


def test_gate_sweep_reads_the_driven_terminal_and_says_what_it_leaves_aside():
    m = read(find("raw/format_b1500_easyexpert_classic/Gate"))
    assert m.source["columns"] == {"v": "GateV", "i": "GateI"}
    assert m.i[0] == -3.80028e-10
    assert any("DrainI" in w for w in m.warnings)
    drain = read(find("raw/format_b1500_easyexpert_classic/Gate"), columns={"i": "DrainI"})
    assert (drain.i[0], drain.i[-1]) == (1.9072e-07, 1.45e-07)


def test_oscilloscope_needs_a_shunt():
    path = find("raw/sdc_knowm_retention/long_meas_0")
    with pytest.raises(ReaderError, match="--shunt OHM"):
        read(path)
    m = read(path, shunt=1e5)
    ranges = [m.v.min(), m.v.max(), m.i.min(), m.i.max(), m.t.min(), m.t.max()]
    expected = [-0.0266508, 0.0336507, -3.7881e-7, 8.0989e-8, -4.0, 3.9995]
    np.testing.assert_allclose(ranges, expected, rtol=1e-6)
    assert (len(m.v), len(m.labels)) == (16000, 201)
    assert any("channel 2 less channel 1" in w for w in m.warnings)


def test_waveform_list_must_be_told_its_roles():
    path = find("raw/hfo2_rtn_staircase/steppulseneg")
    with pytest.raises(ReaderError, match="--columns v=MeasResult1_value"):
        read(path)
    m = read(path, columns={"v": "MeasResult1_value", "i": "MeasResult2_value"})
    assert (len(m.v), m.v[0], m.i[-1]) == (20000, -0.002033612923697, 7.3047772e-08)
    assert any("--sign -1" in w for w in m.warnings)


def test_spreadsheet_with_pairs_of_columns_is_one_sweep_for_each_pair():
    m = read(find("raw/vo2_iv_cycles/cycle-to-cycle-data.xlsx"))
    # 101 rows under the header and the units, 22 columns that are not empty (seen in calamine).
    assert (len(m.v), len(m.labels), m.compliance) == (1111, 11, 0.02)
    assert any("18 columns have no name" in w for w in m.warnings)


@pytest.mark.integration
@pytest.mark.parametrize(
    "pattern",
    [
        "format_tektronix_npz_txt/grabbed",
        "ag_nanowire_network_pulses/example",
        "tio2_volatile_drift/d67_sa20_10__11_22",
        "rram_1t1r_cycling/cycling",
        "vo2_relaxation/relaxation",
    ],
)
def test_file_without_voltage_and_current_is_an_error_that_says_what_to_do(pattern):
    with pytest.raises(ReaderError, match=r"no column says that it is the .* --columns (t=1,)?v="):
        read(find(f"raw/{pattern}"))


def test_json_of_pulses_is_no_table():
    with pytest.raises(ReaderError, match="seems to hold JSON with Gset"):
        read(find("raw/vcm_potentiation_depression/2023", suffix=".json"))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "points", "sweeps"), CLEAN)
def test_clean_table_has_the_sweeps_of_its_own_labels(name, points, sweeps):
    m = read(find(f"clean/{name}.csv"))
    assert (m.reader, len(m.v), len(m.labels)) == ("tidy", points, sweeps)


@pytest.mark.parametrize(
    ("name", "points", "sweeps", "at"),
    [
        ("usc_diffusive_dc_symmetric", 20100, 100, 13152),
        ("usc_diffusive_dc_asymmetric", 5151, 101, 988),
    ],
)
def test_diffusive_sweeps_are_a_modulus_under_a_microampere(name, points, sweeps, at):
    m = read(find(f"clean/{name}.csv"))
    assert (len(m.v), len(m.labels), m.compliance) == (points, sweeps, 1e-6)
    assert m.at_compliance.sum() == at
    assert m.labels[:4].tolist() == [0, 1, 4, 5]
    assert m.modulus
    assert any("modulus" in w for w in m.warnings)
    assert any("compliance" in w for w in m.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [1e-3, 3e-3, 1e-2, 3e-2])
@pytest.mark.parametrize(
    "name", ["usc_diffusive_dc_symmetric", "usc_diffusive_dc_asymmetric", "vo2_iv_cycles"]
)
def test_noise_of_reading_hides_no_limit(name, sigma):
    """Four standard deviations are exceeded by one reading in 30,000 on one side."""
    m = read(find(f"clean/{name}.csv"))
    i = m.i * (1 + sigma * np.random.default_rng(0).normal(size=len(m.i)))
    found = find_limit(m.v, i, sweep=m.sweep)
    assert found.level == pytest.approx(m.compliance, rel=0.2 * sigma + 1e-9)
    assert np.mean(found.acts[m.at_compliance]) > 0.998
    assert (
        np.sum(found.acts & ~m.at_compliance) < 0.13 * m.at_compliance.sum()
    )  # up to 12 % below it


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.0, 1e-3, 3e-3, 1e-2, 3e-2])
@pytest.mark.parametrize(
    "name", ["nottingham", "sto_nb_iv_old", "knowm_iv", "vo2_iv_sweep", "sdc_knowm"]
)
def test_noise_of_reading_makes_no_limit(name, sigma):
    m = read(find(f"clean/{name}", suffix=".csv"))
    i = m.i * (1 + sigma * np.random.default_rng(0).normal(size=len(m.i)))
    assert find_limit(m.v, i, sweep=m.sweep).level is None


@pytest.mark.integration
def test_four_of_64_pulses_that_lie_higher_share_the_limit():
    m = read(find("clean/umass_diffusive_relaxation_layer1.csv"))
    m = m.select(m.sweep < 64)
    i = m.i.copy()
    for k, more in zip((3, 20, 33, 50), (0.002, 0.003, 0.005, 0.006), strict=True):
        i[m.sweep == k] *= 1 + more
    found = find_limit(m.v, i, sweep=m.sweep)
    assert found.level == pytest.approx(m.compliance, rel=1e-3)
    assert np.all(found.acts[m.at_compliance])


def test_current_sweep_is_seen_to_be_driven_by_the_current():
    m = read(find("clean/vo2_current_sweep_b1500.csv"))
    assert (m.driven, m.compliance) == ("current", None)
    assert any("driven" in w for w in m.warnings)
