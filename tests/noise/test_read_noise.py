"""Read noise: each part against its exact variance, spectrum or dwell times; what its numbers depend on."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.core.result import Trace
from memjax.errors import BoundsError, ModelError
from memjax.noise import relaxations
from tests.helpers import z_score

MEMBERS, ROWS = 16, 4096
DT = 1e-3
I = 1e-6
EVEN = DT * np.arange(ROWS)
BOLTZMANN = 1.380649e-23
TRAP = dict(rtn=0.3, capture=0.02, emission=0.05)
SLOW = dict(flicker=1e-3, f_min=1.0, f_max=50.0)


def _trace(i=I, v=1.0, *, t=EVEN, sweep=None, members=MEMBERS, dtype=float):
    """A trace of constant (or given) current and voltage."""
    shape = (members, len(t))
    i, v = (jnp.asarray(np.broadcast_to(x, shape), dtype) for x in (i, v))
    label = np.zeros(len(t), int) if sweep is None else sweep
    fine = jnp.zeros((members, 1), int)
    return Trace(jnp.asarray(t, dtype), label, v, i, {"x": 2 * i}, v, i, fine)


def _relative(trace, **parts):
    """Noise over the true current."""
    return np.asarray(mj.ReadNoise(**parts).apply(trace, seed=1).i / trace.i - 1)


def _variance_z(x, variance):
    """z of the variance of independent normal numbers of mean 0."""
    return z_score(x**2, variance, expected_sd=2**0.5 * variance)


@pytest.mark.slow
@pytest.mark.parametrize("kelvin", [77.0, 300.0])
def test_johnson_noise_has_the_variance_of_nyquist(kelvin):
    noise, env = mj.ReadNoise(bandwidth=1e6), mj.Environment(kelvin)
    x = np.asarray(noise.apply(_trace(), seed=1, env=env).i) - I
    assert abs(_variance_z(x, 4 * BOLTZMANN * kelvin * I / 1.0 * 1e6)) < 4
    assert abs(z_score(x, 0.0)) < 4
    assert abs(z_score(x[:, 1:] * x[:, :-1], 0.0)) < 4


@pytest.mark.integration
def test_at_no_voltage_johnson_noise_is_that_of_the_conductance_nearby():
    # Sweep 0: nothing, 0 V, 1 uS, 0 V, 9 uS; sweep 1: nothing but 0 V.
    v = np.array([0.0, 1e-9, 1.0, 0.0, 0.5, 0.0, 0.0])
    i = np.array([0.0, 0.0, 1e-6, 0.0, 4.5e-6, 0.0, 0.0])
    trace = _trace(i, v, t=np.arange(7.0), sweep=np.repeat([3, 9], [5, 2]), members=4000)
    x = np.asarray(mj.ReadNoise(bandwidth=1.0).apply(trace, seed=3).i) - i
    for k, g in enumerate((1e-6, 1e-6, 1e-6, 1e-6, 9e-6)):
        assert abs(_variance_z(x[:, k], 4 * BOLTZMANN * 300 * g)) < 4
    assert np.all(x[:, 5:] == 0)


@pytest.mark.integration
def test_the_floor_is_white_and_gaussian():
    x = np.asarray(mj.ReadNoise(floor=2e-12).apply(_trace(0.0), seed=1).i) / 2e-12
    assert abs(z_score(x, 0.0, expected_sd=1.0)) < 4
    assert abs(_variance_z(x, 1.0)) < 4
    assert abs(z_score(x**4, 3.0, expected_sd=96**0.5)) < 4  # E x^8 - 9 = 96
    assert abs(z_score(x[1:] * x[:-1], 0.0)) < 4


@pytest.fixture(scope="module")
def trap():
    """States of a trap (1 full) out of the current, each millisecond."""
    x = _relative(_trace(members=64), **TRAP)
    full = 0.05 / 0.07
    return full - x / 0.3, full


@pytest.mark.integration
def test_a_trap_has_two_states_and_leaves_the_mean_current(trap):
    x, full = trap
    np.testing.assert_allclose(x, np.round(x), atol=1e-12)
    assert set(np.unique(np.round(x))) == {0.0, 1.0}
    assert abs(z_score(x[:, 0], full, expected_sd=(full * (1 - full)) ** 0.5)) < 4
    assert abs(z_score(x.mean(axis=1), full)) < 4


def test_the_dwell_times_of_a_trap_are_geometric(trap):
    # Seen each DT, a dwell lasts k readings with probability (1 - q) q^(k-1), q the chance of the
    # same state at the next reading: back and forth in between included.
    x, full = trap
    x, rate = np.round(x), 1 / 0.02 + 1 / 0.05
    for state, other in ((1.0, 1 - full), (0.0, full)):
        leave = other * -np.expm1(-rate * DT)
        lengths = np.concatenate([_dwells(row, state) for row in x])
        assert len(lengths) > 1000
        assert abs(z_score(lengths, 1 / leave, expected_sd=(1 - leave) ** 0.5 / leave)) < 4
        short = lengths == 1
        assert abs(z_score(short, leave, expected_sd=(leave * (1 - leave)) ** 0.5)) < 4


def _dwells(row, state):
    """Readings in one state, of those dwells that end well before the record does (else long ones lack)."""
    edges = np.flatnonzero(np.diff(row)) + 1
    lengths, states = np.diff(edges), row[edges[:-1]]
    early = edges[:-1] < len(row) - 700  # 700 ms: e^-14 of the dwells are longer
    return lengths[early & (states == state)]


def _uneven():
    """Readings whose distances span four decades."""
    return np.cumsum(np.tile([1e-4, 1e-3, 1e-2, 1e-1, 1.0], 3))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["trap", "flicker"])
def test_covariances_are_exact_at_uneven_times(kind):
    t, parts = _uneven(), TRAP if kind == "trap" else SLOW
    x = _relative(_trace(t=t, members=4000), **parts)
    lag = np.abs(t[:, None] - t[None, :])
    full = 0.05 / 0.07
    exact = 0.09 * full * (1 - full) * np.exp(-70.0 * lag)
    if kind == "flicker":
        rates, variances = (np.asarray(y) for y in relaxations(jnp.asarray(1.0), jnp.asarray(50.0)))
        exact = 1e-3 * np.sum(variances * np.exp(-rates * lag[..., None]), axis=-1)
        assert exact[0, 0] == pytest.approx(1e-3 * (np.log(50.0) + 12**0.5), rel=1e-12)
    z = [z_score(x[:, a] * x[:, b], exact[a, b]) for a in range(15) for b in range(a + 1)]
    # 120 of them, correlated: none beyond 4.5, of which chance makes one in 1200 such tests.
    assert np.max(np.abs(z)) < 4.5


@pytest.mark.parametrize("decades", [0.5, 1, 3, 6, 12, 15])
def test_the_spectrum_of_the_relaxations_is_one_over_f(decades):
    low, high = 1e-6, 1e-6 * 10.0**decades
    rates, variances = (np.asarray(y) for y in relaxations(jnp.asarray(low), jnp.asarray(high)))
    f = np.geomspace(low, high, 3001)
    w = 2 * np.pi * f[:, None]
    ratio = f * np.sum(4 * variances * rates / (rates**2 + w**2), axis=1)
    inner = (f > 2 * low) & (f < high / 2)
    assert np.max(np.abs(ratio - 1)) < 0.025
    assert np.all(np.abs(ratio[inner] - 1) < (0.005 if decades <= 12 else 0.01))
    assert abs(np.polyfit(np.log(f), np.log(ratio), 1)[0]) < 1e-6


@pytest.mark.integration
def test_the_periodogram_of_flicker_noise_is_one_over_f():
    # Rows at 1 kHz, band 1 to 50 Hz, Hann window; the expected periodogram follows from the exact
    # covariance, aliases and leakage included.
    x = _relative(_trace(members=64), **SLOW)
    window = np.hanning(ROWS + 1)[:-1]
    scale = 2 * DT / np.sum(window**2)
    power = np.abs(np.fft.rfft(x * window, axis=1)) ** 2 * scale
    rates, variances = (np.asarray(y) for y in relaxations(jnp.asarray(1.0), jnp.asarray(50.0)))
    lag = DT * np.abs(np.fft.fftfreq(2 * ROWS, 1 / (2 * ROWS)))
    overlap = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * ROWS)) ** 2)
    product = overlap * (np.exp(-np.multiply.outer(lag, rates)) @ variances)
    expected = np.fft.rfft(product).real[::2] * scale
    f = np.fft.rfftfreq(ROWS, DT)
    for a, b in itertools.pairwise(np.geomspace(1.0, 50.0, 9)):
        band = (f >= a) & (f < b)
        exact = np.mean(expected[band] * f[band])
        assert abs(z_score(np.mean(power[:, band] * f[band], axis=1) / 1e-3, exact)) < 4
        # 2.5 % of the method, and as much of aliases and of the window.
        assert exact == pytest.approx(1.0, abs=0.05)


def test_quantisation_is_exact():
    i = np.array([[0.0, 0.4, 0.6, -1.4, 7.3, 99.0, -99.0]]) * 1e-9
    trace = _trace(i, t=np.arange(7.0), members=1)
    seen = np.asarray(mj.ReadNoise(lsb=1e-9, full_scale=10e-9).apply(trace, seed=0).i[0])
    assert seen.tolist() == [k * 1e-9 for k in (0.0, 0.0, 1.0, -1.0, 7.0, 10.0, -10.0)]
    # A range that is no multiple of a digit ends at the last digit inside; without digits, at itself.
    seen = np.asarray(mj.ReadNoise(lsb=4e-9, full_scale=10e-9).apply(trace, seed=0).i[0])
    assert seen[-2:].tolist() == [8e-9, -8e-9]
    seen = np.asarray(mj.ReadNoise(full_scale=10e-9).apply(trace, seed=0).i[0])
    assert seen.tolist() == np.clip(i[0], -10e-9, 10e-9).tolist()


@pytest.mark.slow
def test_the_floor_comes_before_the_range_and_the_device_before_the_floor():
    noise = mj.ReadNoise(floor=5e-8, lsb=1e-8, full_scale=1.05e-6)
    x = np.asarray(noise.apply(_trace(), seed=1).i)
    np.testing.assert_allclose(x, 1e-8 * np.round(x / 1e-8), rtol=1e-14)
    assert x.max() == pytest.approx(1.05e-6, rel=1e-12)
    # Relative noise acts on the device's current alone: without one, nothing but the floor is left.
    t, sweep = _label()
    rows = dict(t=t, sweep=sweep, members=7)
    both = mj.ReadNoise(**ALL).apply(_trace(0.0, **rows), seed=1).i
    assert np.array_equal(both, mj.ReadNoise(floor=1e-9).apply(_trace(0.0, **rows), seed=1).i)


ALL = dict(bandwidth=1e6, floor=1e-9, **TRAP, **SLOW)


def _label():
    """Three sweeps of eight readings, two of them with the same label."""
    return np.tile(EVEN[:8], 3), np.repeat([4, 4, 2], 8)


@pytest.mark.integration
def test_numbers_depend_on_seed_member_sweep_and_row_only():
    t, sweep = _label()
    noise = mj.ReadNoise(**ALL)
    many = noise.apply(_trace(t=t, sweep=sweep, members=7), seed=5).i
    few = noise.apply(_trace(t=t[:12], sweep=sweep[:12], members=2), seed=5).i
    np.testing.assert_array_equal(few, many[:2, :12])
    assert len(np.unique(many)) == many.size  # neither members nor sweeps share any
    other = noise.apply(_trace(t=t, sweep=sweep, members=7), seed=6).i
    assert not np.any(other == many)


@pytest.mark.integration
def test_members_sweeps_and_seeds_are_uncorrelated():
    t, sweep = np.tile([0.0, 1e-3], 2), np.repeat([0, 1], 2)
    runs = []
    for seed in (0, 1):
        trace = _trace(t=t, sweep=sweep, members=4001)
        runs.append(np.asarray(mj.ReadNoise(**SLOW).apply(trace, seed=seed).i) / I - 1)
    a, b = runs
    for x, y in ((a[:-1, 0], a[1:, 0]), (a[:, 0], a[:, 2]), (a[:, 0], b[:, 0]), (a[:, 1], a[:, 2])):
        assert abs(z_score(x * y, 0.0)) < 4


@pytest.mark.integration
def test_only_the_current_changes_and_compiled_it_is_the_same():
    t, sweep = _label()
    trace, noise = _trace(t=t, sweep=sweep, members=7), mj.ReadNoise(**ALL)
    seen = noise.apply(trace, seed=0)
    apply = lambda n, i: n.apply(eqx.tree_at(lambda tr: tr.i, trace, i), seed=0)  # noqa: E731
    np.testing.assert_allclose(jax.jit(apply)(noise, trace.i).i, seen.i, rtol=1e-12)
    names = [f.name for f in dataclasses.fields(Trace) if f.name != "i"]
    for name in names:
        was, now = getattr(trace, name), getattr(seen, name)
        assert jax.tree.all(jax.tree.map(np.array_equal, was, now)), name
    assert not np.any(np.asarray(seen.i) == I)


@pytest.mark.integration
def test_a_reading_at_the_compliance_is_exact_and_nothing_is_left_alone_without_parts():
    i = np.array([[0.98e-6, -0.991e-6, 1e-6]])
    trace = _trace(i, t=np.arange(3.0), members=1)
    seen = np.asarray(mj.ReadNoise(floor=1e-9, lsb=3e-7).apply(trace, seed=0, limit=1e-6).i)
    assert (seen == i).tolist() == [[False, True, True]]
    assert np.array_equal(mj.ReadNoise().apply(trace, seed=0).i, i)


@pytest.mark.integration
def test_single_precision_stays_single_and_finite():
    t, sweep = _label()
    rows = dict(t=t, sweep=sweep, members=7)
    seen = mj.ReadNoise(**ALL).apply(_trace(**rows, dtype=np.float32), seed=0).i
    assert seen.dtype == jnp.float32
    wide = mj.ReadNoise(**ALL).apply(_trace(**rows), seed=0).i
    # Rounding of the current and of the uniform numbers; no telegraph step is decided otherwise.
    np.testing.assert_allclose(seen, wide, rtol=2e-5)


@pytest.mark.slow
def test_derivatives_by_the_sizes_of_parts():
    t, sweep = _label()
    trace, names = _trace(t=t, sweep=sweep, members=7), ("bandwidth", "rtn", "flicker", "floor")
    # The same sums by hand: each part is linear in its size or in the root of it.
    size = {"bandwidth": 0.5, "rtn": 1.0, "flicker": 0.5, "floor": 1.0}

    @jax.jit
    def total(sizes, lsb):
        noise = mj.ReadNoise(**ALL | sizes, lsb=lsb)
        return jnp.sum(noise.apply(trace, seed=2).i) / I

    x = {n: jnp.asarray(ALL[n]) for n in names}
    lsb, backward = jnp.asarray(1e-15), jax.jit(jax.grad(total))
    slopes, at_none = backward(x, lsb), backward({n: 0 * y for n, y in x.items()}, lsb)
    forward = jax.jit(jax.jacfwd(total))(x, lsb)
    for name in names:
        part = total(x, lsb) - total(x | {name: 0 * x[name]}, lsb)
        # A digit of 1e-15 A rounds each of the 168 currents by half of it at most.
        exact, room = size[name] * part / x[name], 168 * 1e-15 / I * size[name] / x[name]
        assert float(slopes[name]) == pytest.approx(float(exact), abs=float(room))
        assert float(forward[name]) == pytest.approx(float(slopes[name]), rel=1e-9)
        assert np.isfinite(at_none[name])
        assert abs(exact) > 100 * room


@pytest.mark.parametrize(
    ("parts", "error", "says"),
    [
        ({"rtn": 0.1}, ModelError, "capture, emission not given"),
        ({"f_min": 1.0, "f_max": 2.0}, ModelError, "flicker not given"),
        ({"flicker": 1e-3, "f_min": 2.0, "f_max": 1.0}, BoundsError, "low < high"),
        ({"lsb": 1e-6, "full_scale": 1e-9}, BoundsError, "low < high"),
        ({"bandwidth": -1.0}, BoundsError, "bandwidth = -1.0 Hz"),
        ({"rtn": 1.5, "capture": 1.0, "emission": 1.0}, BoundsError, "rtn = 1.5"),
    ],
)
def test_what_has_no_meaning_is_refused(parts, error, says):
    with pytest.raises(error, match=says):
        mj.ReadNoise(**parts)


def test_a_file_says_what_there_is(tmp_path):
    path = tmp_path / "noise.toml"
    path.write_text("floor = 1e-12\nlsb = 1e-13\n")
    noise = mj.ReadNoise.load(path)
    assert (float(noise.floor), float(noise.lsb), noise.rtn) == (1e-12, 1e-13, None)
    path.write_text("hum = 1.0\n")
    with pytest.raises(ModelError, match=r"unknown parameter 'hum'.*noise.toml.*bandwidth"):
        mj.ReadNoise.load(path)
