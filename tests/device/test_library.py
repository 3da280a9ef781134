"""Every model of the library: conformance, presets, settings, closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import memjax as mj
from memjax.circuit.limiter import soft_limit
from memjax.device import laws
from memjax.device.laws import (
    gap_ratio,
    grow_bracket,
    increasing_root,
    normal_cdf,
    root_between,
    safe_exp,
    safe_sqrt,
    stop_at_bounds,
)
from memjax.device.registry import BUILT_IN
from memjax.errors import BoundsError, ModelError
from memjax.testing import check_device

REST = mj.Sampled(np.array([0.0, 1.0]), np.zeros(2))


@pytest.mark.slow
@pytest.mark.parametrize("cls", BUILT_IN[1:], ids=lambda c: c.name)
def test_every_model_conforms(cls):
    check_device(cls())


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("event-switches", {"form": "langevin"}),
        ("diffusive-1m1t1r", {"noise_form": "gross", "sigma1": 0.01, "sigma2": 0.01}),
        ("second-order", {"sigma": 0.01}),
        ("linear-drift", {"window": "biolek"}),
        ("vteam", {"conduction": "exponential"}),
        ("hybrid", {"order": 2, "sigma": 0.1}),
    ],
)
def test_other_forms_conform(name, values):
    check_device(mj.params.replace(mj.device_class(name)(), values))


@pytest.mark.slow
@pytest.mark.parametrize("name", mj.presets.names())
def test_every_preset_makes_a_device_or_circuit(name):
    model, values, info = mj.presets.load(name)
    device = mj.params.replace(mj.model(model), values)
    assert info.not_claimed
    assert {k: mj.params.to_dict(device)[k] for k in values} == pytest.approx(values)


def test_a_setting_outside_what_is_allowed_is_an_error():
    device = mj.LinearIonDrift()
    for wrong in ({"window": "hann"}, {"p": 2.5}, {"p": 99}):
        with pytest.raises(BoundsError):
            mj.params.replace(device, wrong)
    with pytest.raises(ModelError, match="window"):
        mj.params.replace(device, {"shape": "none"})
    assert mj.params.replace(device, {"p": 3.0}).p == 3


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_settings_survive_files(tmp_path, suffix):
    device = mj.LinearIonDrift(window="biolek", p=4)
    mj.params.dump(device, tmp_path / f"device{suffix}")
    again = mj.params.replace(
        mj.LinearIonDrift(), mj.params.load(tmp_path / f"device{suffix}", words=["window"])
    )
    assert (again.window, again.p) == ("biolek", 4)


def _steady(device, v: float, duration: float):
    """State after a constant voltage."""
    drive = mj.Sampled(np.array([0.0, duration]), np.array([v, v]))
    return mj.simulate(device, drive, save=np.array([duration]), deterministic=True).check().state


@pytest.mark.slow
def test_on_state_of_the_spice_form():
    f, r = (_steady(mj.DiffusiveSpice(), 1.0, 40.0)[n][0, 0] for n in "fr")
    assert f == pytest.approx(0.42 / (0.42 + 0.35), rel=1e-3)  # the closing layer is 1e-3 wide
    assert f + r == pytest.approx(1.0, abs=1e-3)


def test_lifetime_of_a_silver_filament_is_the_fourth_power_of_its_diameter():
    """From physics.md 2.8a, independent of memjax: t = phi^4 exp(Ea1/kT) / 4B down to phi = 0."""
    device = mj.AgFilament(a=1e-6)  # no growth
    for phi, temperature in ((1e-9, 300.0), (2e-9, 300.0), (2e-9, 360.0)):
        env = mj.Environment(temperature)
        rate = jnp.exp(-0.65 / (8.617333262e-5 * temperature))
        life = float(phi**4 / (4 * 3e-26 * rate))
        half = device.drift(
            0.0, {"phi": jnp.asarray(phi), "gap": jnp.asarray(2e-10)}, jnp.zeros(()), env
        )
        assert float(half["phi"]) == pytest.approx(-phi / (4 * life), rel=1e-6)


@pytest.mark.integration
def test_laws_at_their_limits():
    assert float(gap_ratio(jnp.asarray(0.0), jnp.asarray(0.02))) == 1.0
    assert float(gap_ratio(jnp.asarray(1.0), jnp.asarray(0.02))) == 0.0
    assert jnp.isfinite(safe_exp(jnp.float32(1e3)))
    assert float(safe_sqrt(jnp.asarray(0.25), 1.0)) == pytest.approx(0.5, rel=1e-9)
    assert jax.grad(lambda x: safe_sqrt(x, 1.0))(0.0) == 0.0
    assert float(stop_at_bounds(jnp.asarray(1.0), jnp.asarray(1.0), 0.0, 1.0, 0.1)) == 0.0


def test_the_normal_distribution_has_its_density_as_derivative():
    x = np.linspace(-6.0, 6.0, 25)
    cdf, slope = jax.vmap(jax.value_and_grad(normal_cdf))(jnp.asarray(x))
    np.testing.assert_allclose(cdf, stats.norm.cdf(x), rtol=1e-9)
    np.testing.assert_allclose(slope, stats.norm.pdf(x), rtol=1e-12)


@pytest.mark.parametrize("ratio", [-1e6, -0.3, 0.0, 2.0, 1e9])
def test_overpotentials_and_hopping_invert_their_currents(ratio):
    eta = laws.butler_volmer_inverse(jnp.asarray(ratio), 350.0, charge=2.0)
    back = laws.butler_volmer(eta, 350.0, transfer=jnp.asarray(0.5), charge=2.0)
    assert float(back) == pytest.approx(ratio, rel=1e-12, abs=1e-14)
    distances = dict(hop=jnp.asarray(0.25), length=jnp.asarray(3.0), charge=2.0)
    v = laws.mott_gurney_inverse(jnp.asarray(ratio), 350.0, **distances)
    assert float(laws.mott_gurney(v, 350.0, **distances)) == pytest.approx(ratio, rel=1e-12)


def test_conduction_against_textbook_values():
    volt, hot = jnp.asarray(0.1), 300.0
    # kT/q = 0.025852 V at 300 K; a gap of 1 nm under 1 eV: exp(-2 sqrt(2 m e) / hbar 1 nm) = exp(-10.246).
    assert float(laws.tunnel_gap(jnp.asarray(1.0), jnp.asarray(1.0))) == pytest.approx(
        np.exp(-10.2462), rel=1e-3
    )
    diode = laws.schottky(volt, hot, saturation=jnp.asarray(1e-9))
    assert float(diode) == pytest.approx(1e-9 * np.expm1(0.1 / 0.0258520), rel=1e-4)
    trap = dict(conductance=jnp.asarray(1e-3), trap=jnp.asarray(0.3), lowering=jnp.asarray(0.2))
    frenkel = laws.poole_frenkel(volt, hot, **trap)
    exact = 1e-4 * np.exp((0.2 * np.sqrt(0.1) - 0.3) / 0.0258520)
    assert float(frenkel) == pytest.approx(exact, rel=1e-3)
    assert float(laws.ohmic(volt, jnp.asarray(50.0))) == pytest.approx(2e-3)


@pytest.mark.integration
def test_a_bracketed_root_has_the_derivative_of_the_implicit_function_theorem():
    root = lambda a: root_between(lambda x: x**3 - a, jnp.asarray(0.0), jnp.asarray(3.0))  # noqa: E731
    a = jnp.asarray(5.0)
    assert float(root(a)) == pytest.approx(5 ** (1 / 3), rel=1e-12)
    exact = 5 ** (-2 / 3) / 3
    assert float(jax.jacfwd(root)(a)) == pytest.approx(exact, rel=1e-12)
    assert float(jax.jacrev(root)(a)) == pytest.approx(exact, rel=1e-12)


@pytest.mark.integration
def test_a_bracketed_root_within_a_steep_rise_stays_in_its_bracket():
    """Flat on both sides of a rise that is 1e-9 wide: a step from either side goes far beyond."""
    places = jnp.linspace(-30.0, 30.0, 41)

    def root(a):
        rise = lambda x: 0.01 * (x - a - 1) + jnp.clip((x - a) / 1e-9, 0.0, 1.0)  # noqa: E731
        return root_between(rise, jnp.full_like(a, -40.0), jnp.full_like(a, 40.0))

    # The rise has 0 within its width, 1e-9.
    np.testing.assert_allclose(jax.vmap(root)(places), places, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_an_increasing_root_is_exact_with_its_first_and_second_derivatives():
    """Of x + a sinh(x / s) = c, whose derivatives by c are 1/f' and -f''/f'^3."""
    a, s = jnp.asarray(1e-9), jnp.asarray(0.025)
    f = lambda x, c: x + a * jnp.sinh(x / s) - c  # noqa: E731
    root = lambda c: increasing_root(lambda x: f(x, c), jnp.asarray(-1.0), jnp.asarray(2.0))  # noqa: E731
    for c in jnp.asarray([-0.5, 0.0, 1e-12, 0.3, 1.0, 2.0]):
        x = root(c)
        slope, bend = 1 + a / s * jnp.cosh(x / s), a / s**2 * jnp.sinh(x / s)
        np.testing.assert_allclose(x + a * jnp.sinh(x / s), c, rtol=1e-13)
        np.testing.assert_allclose(jax.grad(root)(c), 1 / slope, rtol=1e-12)
        np.testing.assert_allclose(jax.jacfwd(jax.grad(root))(c), -bend / slope**3, rtol=1e-10)


@pytest.mark.slow
def test_a_root_is_the_same_wherever_its_search_starts_and_ends_at_once_without_numbers():
    turns = []

    def root(c, start):
        f = lambda x: jax.debug.callback(turns.append, c) or x + jnp.sinh(40 * x) - c  # noqa: E731
        return increasing_root(f, jnp.asarray(-1.0), jnp.asarray(2.0), start=jnp.asarray(start))

    half, end = root(jnp.asarray(0.3), 0.5), root(jnp.asarray(0.3), 2.0)
    np.testing.assert_allclose(half, end, rtol=1e-14)
    jax.effects_barrier()
    assert turns
    turns.clear()
    root(jnp.asarray(jnp.nan), 0.5)
    jax.effects_barrier()
    assert 0 < len(turns) < 10  # of 100


@pytest.mark.integration
def test_a_small_step_ends_no_search_where_the_function_bends_within_it():
    """A source gives no current at its own voltage, and its limit 1 fV below: Newton's first step is 1 pV."""
    leak, limit, source = 1e-12, 1e-15, jnp.asarray(0.25)
    f = lambda v: leak * jnp.tanh(v / 1e-3) - soft_limit(source - v, limit)  # noqa: E731
    root = increasing_root(f, jnp.asarray(-1.0), jnp.asarray(1.25), start=source)
    np.testing.assert_allclose(root, 1e-3 * np.arctanh(limit / leak), rtol=1e-12)


@pytest.mark.integration
def test_a_bracket_is_doubled_until_it_holds_the_root():
    for c in (-3e4, -0.1, 0.0, 0.5, 7.0, 1e9):
        low, high = grow_bracket(lambda x, c=c: x - c, jnp.asarray(0.0), jnp.asarray(1.0))
        assert low <= c <= high
