"""``memjax simulate --read-noise``."""

import numpy as np
import pandas as pd
import pytest

from tests.helpers import z_score


@pytest.fixture
def go(run, tmp_path):
    """A resistor-like device under a constant step, in 200 rows; returns the table and the file's notes."""
    stimulus, params = tmp_path / "held.csv", tmp_path / "device.toml"
    stimulus.write_text("t_s,v_V\n0,0.1\n2,0.1\n")
    params.write_text("")
    words = ("linear-drift", "--params", params, "--stimulus", stimulus, "--save-every", "0.01")

    def go(*more, name="out.csv"):
        ended = run("simulate", *words, *more, "--out", tmp_path / name)
        assert (ended.status, ended.err) == (0, "")
        return pd.read_csv(tmp_path / name)

    return go


@pytest.fixture
def noise(tmp_path):
    path = tmp_path / "noise.toml"
    path.write_text("floor = 1e-7\nlsb = 1e-8\n")
    return path


@pytest.mark.slow
def test_the_file_acts_on_the_current_alone(go, noise):
    words = ("--members", "2", "--seed", "3")
    true = go(*words, name="true.csv")
    seen = go(*words, "--read-noise", noise, name="seen.csv")
    off = (seen["i_A"] - true["i_A"]).to_numpy() / np.hypot(1e-7, 1e-8 / 12**0.5)
    # Standard normal but for rounding, 402 of them: mean and variance within 4 standard errors.
    assert abs(off.mean()) < 4 / 402**0.5
    assert abs(off.var() - 1) < 4 * (2 / 402) ** 0.5
    assert abs(z_score(off[:201] * off[201:], 0.0)) < 4  # members do not share noise
    np.testing.assert_allclose(seen["i_A"] / 1e-8, np.round(seen["i_A"] / 1e-8), rtol=1e-9)
    pd.testing.assert_frame_equal(
        seen.drop(columns="i_A"), true.drop(columns="i_A"), check_exact=True
    )
    silent = go(*words, "--read-noise", noise, "--deterministic", name="silent.csv")
    pd.testing.assert_frame_equal(silent, true, check_exact=True)


@pytest.mark.slow
def test_the_file_overrides_the_noise_of_a_fit(run, fit, stimulus, tmp_path):
    noise = tmp_path / "noise.toml"
    noise.write_text("lsb = 2e-5\n")
    own = {"relative": 0.5, "floor_A": 1e-5}
    path = fit(model="linear-drift", parameters={}, cycle_spread=None, bench={}, read_noise=own)
    words = ("simulate", "linear-drift", "--fit", path, "--stimulus", stimulus)
    words += ("--save-every", "0.05")
    for name, more in {
        "fit": (),
        "both": ("--read-noise", noise),
        "none": ("--deterministic",),
    }.items():
        assert run(*words, *more, "--out", tmp_path / f"{name}.csv").status == 0
    fitted, both, none = (
        pd.read_csv(tmp_path / f"{n}.csv")["i_A"] for n in ("fit", "both", "none")
    )
    assert not np.any(fitted == none)
    np.testing.assert_allclose(both, 2e-5 * np.round(none / 2e-5), rtol=1e-12)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("hum = 1.0\n", "unknown parameter 'hum'; in {noise}; allowed: bandwidth, rtn"),
        ("floor = -1.0\n", "floor = -1.0 A"),
        ("rtn = 0.1\n", "capture, emission not given"),
        ("flicker = 1e-6\nf_min = 9.0\nf_max = 1.0\n", "f_min = 9.0, f_max = 1.0"),
        ("floor = 'loud'\n", "floor: no number"),
        ("floor = \n", "parameters cannot be read"),
        (None, "parameters cannot be read"),
    ],
)
def test_a_wrong_file_is_refused(refused, noise, params, stimulus, tmp_path, content, says):
    noise.unlink()
    if content is not None:
        noise.write_text(content)
    words = ("--params", params, "--stimulus", stimulus, "--read-noise", noise, "--deterministic")
    line = refused("simulate", "diffusive", *words, "--out", tmp_path / "out.csv")
    assert says.format(noise=noise) in line
    assert not (tmp_path / "out.csv").exists()
