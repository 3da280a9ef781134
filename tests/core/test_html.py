"""Models and results show themselves in notebooks: pictures, tables with units, and nothing unescaped."""

import builtins
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.core.html import fold, html_table, or_text, span
from memjax.core.reprs import WIDTH
from memjax.errors import BoundsError, MemjaxError, ModelError, SolveError

PICTURE = "data:image/png;base64,"


def trace(*, rows=64, result=0, members=2, **notes) -> mj.Trace:
    """A sine over a resistor of 1 kohm, of which one state is a temperature."""
    t = jnp.linspace(0.0, 1e-3, rows)
    v = jnp.broadcast_to(jnp.sin(2e3 * jnp.pi * t), (members, rows))
    codes = jnp.zeros((members, 1), int).at[0, 0].set(result)
    return mj.Trace(
        t=t, sweep=np.zeros(rows, int), v=v, i=v / 1e3, v_device=v, i_device=v / 1e3,
        state={"temperature": 300 + v}, result=codes, units={"temperature": "K"},
        notes={"model": "<b>own</b>", "policy": "Stiff()"} | notes,
    )  # fmt: skip


def measurement(**more) -> mj.Measurement:
    v = np.sin(np.linspace(0, 4 * np.pi, 200))
    about = {"source": {"file": "<script>.csv"}, "warnings": ("<i>guess</i>",), "reader": "test"}
    sweep, limit = np.repeat([0, 1], 100), np.zeros(200, bool)
    return mj.Measurement(v=v, i=1e-6 * v**3, sweep=sweep, at_compliance=limit, **about, **more)


def population(cycles=True) -> mj.Population:
    spread = np.diag([0.04, 0.01])
    return mj.Population.of(
        mj.LinearIonDrift(),
        ["r_on", "r_off"],
        center=[np.log(100.0), np.log(1e4)],
        covariance=spread,
        cycle_covariance=spread / 4 if cycles else None,
    )


@pytest.mark.integration
@pytest.mark.parametrize("name", mj.model_names())
def test_every_model_lists_its_parameters_and_states(name):
    model = mj.model(name)
    page = model._repr_html_()
    states = model.states if isinstance(model, mj.AbstractDevice) else model.specs
    for spec in (*mj.fields.parameter_specs(model).values(), *states):
        assert f"<td>{spec.name}</td>" in page
    assert PICTURE not in page


def test_a_value_stands_beside_its_unit_and_its_default():
    page = mj.DiffusiveMemristor(r_on=2e4)._repr_html_()
    assert re.search(r"<td>r_on</td><td>2e\+04</td><td>ohm</td><td>[\d.e+]+</td>", page)
    assert re.search(r"<td>mu_neg</td><td>as mu</td>", page)
    assert "<details>" in page  # 25 rows
    assert "<details>" not in mj.LinearIonDrift()._repr_html_()
    circuit = mj.model("threshold-switch-neuron")._repr_html_()
    assert "<td>c</td><td>Capacitor</td><td>node - 0</td>" in circuit


@pytest.mark.integration
@pytest.mark.parametrize("shown", [trace(), measurement()], ids=["trace", "measurement"])
def test_traces_and_measurements_have_a_picture_and_nothing_of_theirs_is_markup(shown):
    page = shown._repr_html_()
    assert PICTURE in page
    assert "<td>V</td>" in page
    for markup in ("<b>own", "<script", "<i>guess"):
        assert markup not in page
    assert ("&lt;b&gt;own" in page) is isinstance(shown, mj.Trace)


def test_a_measurement_fits_a_terminal():
    text = " ".join(repr(measurement()).split())
    assert text.startswith("Measurement(<script>.csv: 2 sweeps, 200 points, no time; ")
    assert text.endswith("reader test, 1 warnings)")
    assert max(map(len, repr(measurement()).split("\n"))) <= WIDTH


@pytest.mark.integration
def test_members_that_failed_are_said_and_not_drawn():
    page = trace(result=2)._repr_html_()
    assert "1 of 2 solves failed" in page
    assert PICTURE in page
    assert PICTURE not in trace(result=2, members=1)._repr_html_()
    with pytest.raises(SolveError):
        trace(result=2).plot()


@pytest.mark.integration
def test_a_population_gives_the_quantiles_of_its_draws():
    """Of 4096 devices; five standard errors of a quantile, sqrt(0.05 0.95 / n) over the density there."""
    own = population()
    (low, high), draws = own.interval(), own.sample(0, 4096)
    for k, name in enumerate(own.names):
        sigma = float(jnp.sqrt(own.covariance[k, k]))
        away = 5 * sigma * np.sqrt(0.05 * 0.95 / 4096) / 0.1031
        ends = np.log([float(low[name]), float(high[name])])
        np.testing.assert_allclose(np.log(np.quantile(draws[name], [0.05, 0.95])), ends, atol=away)
    page = own._repr_html_()
    assert PICTURE in page
    assert "cycles of one" in page
    assert "cycles of one" not in population(cycles=False)._repr_html_()
    assert re.match(r"Population\(linear-drift: r_on [\d.e+]+ \(.* to .*\) ohm; ", repr(own))
    with pytest.raises(ModelError, match=r"level = 90"):
        own.interval(90.0)


@pytest.mark.integration
def test_trees_in_the_form_of_a_model_are_left_to_their_text():
    device = mj.ThresholdSwitch()
    for tree in (jax.tree.map(lambda x: object(), device), jax.eval_shape(lambda: device)):
        assert tree._repr_html_() is None
    batch = jax.vmap(lambda x: eqx.tree_at(lambda s: s.v, trace(), x * trace().v))(jnp.arange(2.0))
    assert batch._repr_html_() is None
    assert or_text(lambda: 1 / 0) is None


@pytest.mark.study
def test_without_matplotlib_the_table_is_there_and_a_plot_says_what_is_missing(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **more):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    for shown in (trace(), measurement(), population()):
        page = shown._repr_html_()
        assert "<table>" in page
        assert PICTURE not in page
        with pytest.raises(MemjaxError, match=r"pictures need matplotlib.*memjax\[plot\]"):
            shown.plot()


def test_tables_are_escaped_and_folded_and_spans_leave_out_what_is_no_number():
    assert html_table([["<b>"]], ["<i>"]) == (
        "<table><tr><th>&lt;i&gt;</th></tr><tr><td>&lt;b&gt;</td></tr></table>"
    )
    assert html_table([["a", 1]], []) == (
        '<table><tr><td class="t">a</td><td class="t">1</td></tr></table>'
    )
    assert fold("a<b", "", count=3, long=2).startswith("<details><summary><b>a&lt;b</b> (3)")
    assert span([np.nan, 2.0, np.inf, -1.0]) == ("-1", "2")
    assert span([np.nan]) == ("", "")


@pytest.mark.integration
def test_a_sweep_is_drawn_over_voltage_and_pulses_over_time():
    loops, panels = trace().plot(), trace().plot(kind="time")
    assert [ax.get_xlabel() for ax in loops.axes] == ["Voltage (V)"] * 2
    assert [ax.get_yscale() for ax in loops.axes] == ["log", "linear"]
    labels = [ax.get_ylabel() for ax in panels.axes]
    assert labels == ["Voltage (mV)", "Current (µA)", "temperature (K)"]
    assert panels.axes[-1].get_xlabel() == "Time (µs)"
    pulse = eqx.tree_at(lambda s: s.v, trace(), jnp.sign(trace().v))
    assert len(pulse.plot().axes) == 3
    assert loops._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(BoundsError, match="without time"):
        measurement().plot(kind="time")
    with pytest.raises(BoundsError, match=r"kind 'IV'.*auto, iv, time"):
        trace().plot(kind="IV")


def test_sweeps_follow_each_other_in_time():
    t = np.concatenate([np.linspace(0, 1, 100), np.linspace(0, 1, 100)])
    line = measurement(t=t).plot(kind="time").axes[0].lines[0]
    assert np.all(np.diff(line.get_xdata()) >= 0)
    assert line.get_xdata()[-1] == pytest.approx(2.0)
