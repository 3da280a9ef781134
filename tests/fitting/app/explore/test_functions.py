"""Learned functions of a page: at the values of sliders, with the bands of a fit, where the data lie."""

import base64

import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.app.explore.functions import coverage, fitted_functions, functions_at
from memjax.device.hybrid import NODES, node_names


def _numbers(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def _curves(page):
    assert page is not None
    return {c["label"]: c for panel in page["panels"] for c in panel["curves"]}


def test_functions_are_those_of_the_device():
    device = mj.params.replace(
        mj.HybridDevice(), {"g": 2.0, "contrast": 1.5, "k_set": 3.0, "k_reset": 0.5}
    )
    page = functions_at(device)
    assert page is not None
    assert [p["unit"] for p in page["panels"]] == ["Conductance (S)", "Rate (1/s)"]
    curves, v = _curves(page), _numbers(page["v"]).astype(float)
    assert list(curves) == ["off, x = 0", "on, x = 1", "set, at x = 0", "reset, at x = 1"]
    np.testing.assert_allclose(v[[0, -1]], [float(device.v_low), float(device.v_high)])
    for k in (10, 140):
        for x, label in ((0.0, "off, x = 0"), (1.0, "on, x = 1")):
            current = device.current(
                0.0, {"x": jnp.asarray(x)}, jnp.asarray(v[k]), mj.Environment()
            )
            np.testing.assert_allclose(
                _numbers(curves[label]["estimate"])[k], current / v[k], rtol=1e-4
            )
        rates = (_numbers(curves[n]["estimate"])[k] for n in ("set, at x = 0", "reset, at x = 1"))
        np.testing.assert_allclose(np.log([*rates]), device.log_rates(jnp.asarray(v[k])), rtol=1e-4)


@pytest.mark.unit
def test_a_slider_moves_its_function():
    device = mj.HybridDevice()
    raised = mj.params.replace(device, {n: mj.params.get(device, n) + 1 for n in node_names("set")})
    first, second = _curves(functions_at(device)), _curves(functions_at(raised))
    ratio = [_numbers(second[n]["estimate"]) / _numbers(first[n]["estimate"]) for n in first]
    np.testing.assert_allclose(ratio[2], np.e, rtol=1e-5)
    np.testing.assert_array_equal([ratio[0], ratio[1], ratio[3]], 1.0)


@pytest.mark.unit
def test_a_device_without_learned_functions_has_none():
    assert functions_at(mj.Vteam()) is None
    assert fitted_functions({"model": "vteam"}) is None
    assert fitted_functions({"model": "a circuit of a user"}) is None


@pytest.mark.unit
def test_bands_of_a_fit_stay_within_the_axis():
    free = node_names("set")
    values = mj.params.to_dict(mj.HybridDevice())
    rows = {n: {"value": x, "std": 1.0 if n in free else None} for n, x in values.items()}
    rows["set0"]["std"] = 90.0  # beyond what float32 holds
    content = {"model": "hybrid", "parameters": rows, "free": list(free)}
    content["correlation"] = np.eye(NODES).tolist()
    page = fitted_functions(content)
    assert page is not None
    curves = _curves(page)
    band = _numbers(curves["set, at x = 0"]["high"]) / _numbers(curves["set, at x = 0"]["low"])
    # The middle node counts for two thirds there, both beside it for a sixth each; 500 draws know the width to 0.1.
    assert abs(np.log(band[80]) - 2 * 1.645 * np.sqrt(0.5)) < 0.4
    low, high = page["panels"][1]["limits"]
    for c in page["panels"][1]["curves"]:
        assert np.all(np.isfinite(_numbers(c["high"])))
        assert np.all(_numbers(c["high"]) <= np.float32(high))
        assert np.all(_numbers(c["low"]) >= np.float32(low))
    np.testing.assert_array_equal(
        _numbers(curves["off, x = 0"]["low"]), _numbers(curves["off, x = 0"]["high"])
    )


@pytest.mark.unit
def test_strokes_lie_at_the_voltages_of_the_device():
    data = [np.array([0.0, 1.0, 1.0, 2.0]), np.array([-1.0])]
    np.testing.assert_allclose(_numbers(coverage(data, reversed=False)), [-1, 0, 1, 2], atol=0.01)
    np.testing.assert_allclose(_numbers(coverage(data, reversed=True)), [1, 0, -1, -2], atol=0.01)
    assert len(_numbers(coverage([np.linspace(0, 1, 10**5)], reversed=False))) == 401
