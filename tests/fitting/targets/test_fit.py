"""Devices and circuits that are designed to meet wanted numbers."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.targets.protocol import TargetSettings
from memjax.errors import DataError, FitError

_LOSSLESS = {"gamma1": 0.0, "beta": 0.0, "sigma_ion": 0.0, "r_on": 1e5}
"""A filament that grows and nothing else: it closes after (1/2 + alpha) / (mu V)."""


_FREE = ["mu", "theta", "r_off"]  # the same everywhere: one program


def _device(**values: float) -> mj.AbstractDevice:
    """The lossless filament."""
    return mj.params.replace(mj.model("diffusive"), _LOSSLESS | values)


def _closing(device: mj.AbstractDevice, v: float) -> float:
    """When the gap closes, growth being mu V / (alpha + gap) [s]."""
    return (0.5 + float(device.alpha)) / (float(device.mu) * v)


@pytest.fixture(scope="module")
def grown() -> ft.TargetFit:
    """A delay of 5 ms at 1 V."""
    return ft.solve(ft.TargetProblem(["delay@1=5e-3"], _device(), free=_FREE))


@pytest.mark.study  # its solve compiles in 20 s
def test_a_delay_gives_the_growth_rate_of_the_closed_form(grown):
    # The tolerance is 2 %, of which the search uses half at most.
    assert _closing(grown.device, 1.0) == pytest.approx(5e-3, rel=0.01)
    assert grown.missed == ()


@pytest.mark.study
def test_only_what_was_needed_has_moved(grown):
    assert grown.needed == ("mu",)
    assert [grown.values[n] for n in _FREE[1:]] == [grown.start[n] for n in _FREE[1:]]
    assert set(grown.reasons) == {"theta", "r_off"}
    assert "do not feel" in grown.reasons["r_off"]
    # d ln(delay) / d ln(mu) = -1: a tolerance of 2 % is 2 % of mu.
    assert grown.alone["mu"] == pytest.approx(np.log1p(0.02), rel=0.05)
    assert "data:image/png;base64," in grown._repr_html_()
    assert grown.as_json()["wanted"][0]["met"]


@pytest.mark.study
def test_what_cannot_be_reached_is_named_with_the_nearest_value():
    """Of one growth rate the delay at 2 V is half of that at 1 V."""
    fit = ft.solve(ft.TargetProblem(["delay@1=5e-3", "delay@2=5e-3"], _device(), free=_FREE))
    assert fit.missed == ("delay@1", "delay@2")
    assert _closing(fit.device, 2.0) < 5e-3 < _closing(fit.device, 1.0)  # between the two
    assert "not reached: delay@1 = 0.005" in fit.warnings[0]
    assert fit.nearest["delay@1"] == pytest.approx(5e-3, rel=0.5)


@pytest.mark.study
def test_what_no_trial_shows_is_an_error_that_names_it():
    with pytest.raises(FitError, match="no trial shows delay@1") as error:
        ft.solve(
            ft.TargetProblem(["delay@1=5e-3"], _device(r_on=1e8, gamma3=1e8), free=_FREE)
        )  # 10 nA at 1 V
    # What it came nearest to is not lost.
    assert error.value.fit.missed == ("delay@1",)
    assert "no trial shows delay@1" in error.value.fit.failure


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["search", "fewest parameters", "check"])
def test_an_interrupted_search_keeps_the_best_point(stage):
    costs = []

    def stop(name, progress):
        costs.append(float(np.min(progress.cost)))
        if name == stage:
            raise KeyboardInterrupt

    fit = ft.solve(ft.TargetProblem(["delay@1=5e-3"], _device(), free=_FREE), progress=stop)
    assert fit.interrupted
    assert not fit.failure
    assert np.isfinite(fit.loss)
    assert fit.loss <= min(x for x in costs if np.isfinite(x)) * 1.01
    assert len(fit.checks) == 1


def test_noise_cannot_be_free():
    with pytest.raises(DataError, match="sigma1"):
        ft.solve(ft.TargetProblem(["v_th=0.5"], mj.model("diffusive"), free=["sigma1"]))


def _checked(fit: ft.TargetFit) -> None:
    """Every target is met by noise that the search has not seen, and none by luck."""
    assert fit.missed == (), fit.warnings
    assert not any(c.uncertain for c in fit.checks)


@pytest.mark.study  # minutes
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("v_th", "v_hold", "on_off"), [(0.2, 0.05, 1e5), (0.5, 0.1, 1e6), (1.0, 0.3, 1e4)]
)
def test_a_threshold_switch_is_designed(v_th, v_hold, on_off):
    model, values, _ = mj.presets.load("diffusive/wang2024-dc-symmetric")
    device = mj.params.replace(mj.model(model), values)
    wanted = [f"v_th={v_th}", f"v_hold={v_hold}:{0.05 * v_hold}", f"on_off={on_off}:0.1"]
    _checked(ft.solve(ft.TargetProblem(wanted, device)))


@pytest.mark.study  # minutes
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("interval", [2e-3, 4e-3, 8e-3])
def test_an_interval_between_spikes_is_designed(interval):
    model, values, _ = mj.presets.load("1m1t1r/zhao2025-table1-noisy")
    neuron = mj.params.replace(mj.model(model), values)
    drive = mj.PulseTrain(1.5, 0.4e-3, 0.8e-3, 125, edge=1e-6)
    settings = TargetSettings(stimulus=drive, signal="gate.v", level=0.22, rearm=0.15)
    free = ["memristor.mu", "memristor.gamma1", "r_c.r", "c_gate.c"]
    _checked(
        ft.solve(
            ft.TargetProblem(
                [f"interval={interval}:{0.05 * interval}"], neuron, free=free, settings=settings
            )
        )
    )
