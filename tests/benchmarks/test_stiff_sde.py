"""The stiff problems: their equations, stability limits, paths, errors and pictures."""

import json
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from benchmarks.cases.stiff_sde import errors, noise_free, ours, paths, pictures, problems, steps
from benchmarks.records import Recorder
from benchmarks.timing import Times

ALL = {"lhn": problems.oscillator, "filament": problems.filament, "neuron": problems.neuron}


def _lhn(y, u, tau=1e-5):
    """Drift and amplitudes of the oscillator, from the peers' README."""
    x, temperature, v = y
    r = math.cosh(x / 0.12)
    drift = [
        -(2 * (x**3 - x) + 1.5) + v,
        5 * v**2 / r - 8 * (temperature - 0.3),
        ((u - v) / 5 - v / r) / tau,
    ]
    return np.array(drift), np.array([[math.sqrt(2 * 0.05 * temperature)], [0.0], [0.0]])


def _rectified(s):
    """Mean and standard deviation of max(1 + s N, 0)."""
    phi = math.exp(-0.5 / s**2) / math.sqrt(2 * math.pi)
    cdf = 0.5 * (1 + math.erf(1 / (s * math.sqrt(2))))
    mean = cdf + s * phi
    return mean, math.sqrt((1 + s**2) * cdf + s * phi - mean**2)


def _filament(y, u):
    """Drift and amplitudes of the filament on its bench: the continuous-time form with layers of 1e-3."""
    f, r, s, v = y
    mu, g1, g2, g3, theta, alpha, beta, lam = 100.0, 800.0, 10.0, 4.0, 10.0, 0.01, 80.0, 0.1
    gap, lock = 1 - f - r, math.exp(-max(s - 1, 0) / 1e-3)
    psi, sd = _rectified(10 * f)
    free = mu * abs(v) / (alpha + max(gap, 0))
    loss1, loss2 = lock * g1 * psi * f, lock * g2 * r
    growth = min(free, loss1 + loss2 + free * gap / 1e-3)
    closed = min(max(1 - gap / 1e-3, 0), 1)
    rate = closed * theta * abs(v) * math.exp(1 - s) - g3 * math.exp(s - 1)
    area = rate if rate > 0 else rate * min(max((s - 1) / 1e-3, -1), 1)
    x = min(max(f + r, 0), 1)
    ohms = 4e4 * x / max(s, 1) ** 2 + 1e9 * math.expm1((1 - x) / lam) / math.expm1(1 / lam)
    node = ((u - v) / 50 - v / ohms - v / 1e7) / 1e-6
    turned = lock * beta * f
    amplitudes = np.zeros((4, 3))
    amplitudes[0, 0] = lock * g1 * f * sd * math.sqrt(1e-5)
    return np.array([growth - loss1 - turned, turned - loss2, area, node]), amplitudes


def _neuron(y, u):
    """Drift and amplitudes of the 1M1T1R neuron, SI Note 4 with Table 1; the gate in units of 0.2 V."""
    f, r, v = y[0], y[1], 0.2 * y[2]
    field = (u - v) / (0.01 + abs(1 - f - r)) if u > v else 0.0
    net = 150 * field - (600 + 20) * f
    x = min(max(f + r, 0), 1)
    ohms = max(1e6 * x + 1e12 * math.expm1((1 - x) / 0.2) / math.expm1(1 / 0.2), 1e6)
    gate = ((u - v) / ohms - v / 250e6) / 10e-12
    return np.array([net, 20 * f - 5 * r, gate / 0.2]), np.array(
        [[math.sqrt(7e-3 * abs(net))], [0.0], [0.0]]
    )


WRITTEN = {
    "lhn": (_lhn, lambda rng: (rng.normal(0, 0.7), rng.uniform(0.3, 3), rng.uniform(0, 3))),
    "filament": (
        _filament,
        lambda rng: (
            rng.uniform(0.05, 0.6),
            rng.uniform(0.2, 0.405),
            1 + rng.choice([0.0, 5e-4, 0.03]),
            rng.uniform(0, 1),
        ),
    ),
    "neuron": (
        _neuron,
        lambda rng: (rng.uniform(0, 0.7), rng.uniform(0.2, 0.5), rng.uniform(0, 4)),
    ),
}


@pytest.mark.integration
@pytest.mark.parametrize("name", ALL)
def test_the_equations_are_those_written_independently(name):
    problem, (written, draw) = ALL[name](), WRITTEN[name]
    both = jax.jit(lambda t, y: (problem.f(t, y), problem.g(t, y), problem.stimulus(t)))
    rng = np.random.default_rng(1)
    for _ in range(30):
        t, y = jnp.asarray(rng.uniform(0, float(problem.t_end))), jnp.asarray(draw(rng))
        drift, amplitudes, u = both(t, y)
        expected_drift, expected_amplitudes = written(np.asarray(y), float(u))
        np.testing.assert_allclose(drift, expected_drift, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(amplitudes, expected_amplitudes, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "worst"),
    [
        ("lhn", (0.0, 0.3, 0.5)),
        ("filament", (0.6, 0.4 - 1e-9, 1.0, 1.0)),
        ("neuron", (0.6, 0.4 + 1e-9, 0.0)),
    ],
)
def test_the_stable_step_is_two_over_the_fastest_rate(name, worst):
    problem = ALL[name]()
    during = problem.t_end / 4 if name != "neuron" else jnp.asarray(5e-4)  # while the drive is on
    jacobian = jax.jacfwd(lambda y: problem.f(during, y))(jnp.asarray(worst))
    fastest = -np.linalg.eigvals(np.asarray(jacobian)).real.min()
    assert float(problem.stable_dt) == pytest.approx(2 / fastest, rel=2e-3)


def test_the_stable_number_of_steps_is_that_of_the_formula():
    assert problems.oscillator().stable_steps == 600_000
    assert problems.oscillator(1e-9).stable_steps == 6_000_000_000
    assert problems.filament().stable_steps == 160_000
    assert problems.neuron().stable_steps == 9_600


@pytest.mark.integration
@pytest.mark.parametrize(("factor", "stable"), [(0.9, True), (1.1, False)])
def test_explicit_steps_hold_below_the_limit_and_not_above(factor, stable):
    n, dt = 128, float(problems.oscillator().stable_dt)
    problem = problems.oscillator(t_end=factor * n * dt)
    problem = eqx.tree_at(lambda p: p.y0, problem, jnp.asarray([0.0, 0.3, 2.5]))
    source = paths.fresh(problem, jax.random.key(0))
    end = paths.walk(steps.euler_maruyama, problem, source, paths.even(problem, n))
    assert (abs(float(end[2]) - 0.5) < 0.1) == stable


@pytest.mark.integration
def test_milsteins_term_is_half_the_slope_of_the_variance():
    problem, y = problems.neuron(), jnp.asarray([0.2, 0.4, 0.1])
    t, h, kick = jnp.asarray(5e-4), 1e-6, paths.Kick(jnp.asarray([2e-3]), jnp.zeros(1))
    more = steps.milstein(problem, t, y, h, kick) - steps.euler_maruyama(problem, t, y, h, kick)
    variance = lambda f: 0.5 * float(problem.g(t, y.at[0].set(f))[0, 0]) ** 2  # noqa: E731
    slope = (variance(0.2 + 1e-5) - variance(0.2 - 1e-5)) / 2e-5
    assert float(more[0]) == pytest.approx(0.5 * slope * (4e-6 - h), rel=1e-5)
    assert float(jnp.abs(more[1:]).max()) == 0.0


def test_the_initial_neuron_is_the_noise_free_one_before_its_first_spike():
    y, t, fired = np.zeros(3), 0.0, None
    rest = []
    while fired is None:
        for u in (0.8, 0.0):
            run = solve_ivp(lambda _, z, u=u: _neuron(z, u)[0], (0, 1e-3), y, "LSODA", rtol=1e-8)
            over = np.flatnonzero(run.y[2] > 1)
            fired = t + run.t[over[0]] if over.size and fired is None else fired
            y, t = run.y[:, -1], t + 1e-3
        rest.append((t, y))
    at = min(rest, key=lambda pair: abs(pair[0] - 0.186))
    np.testing.assert_allclose(at[1] * [1, 1, 0.2], [0.187, 0.386, 0.00235], rtol=3e-3)
    assert fired == pytest.approx(0.193, abs=5e-4)  # physics.md: 193 ms


@pytest.mark.integration
def test_coarse_increments_are_sums_of_the_fine_ones():
    problem, key = problems.oscillator(), jax.random.key(3)
    source = paths.grid(problem, key, steps=4 * paths.CHUNK, areas=True)
    h = float(problem.t_end) / (4 * paths.CHUNK)
    one = lambda j, m: source(jnp.asarray(j), (j * 128 + jnp.arange(129.0)) * m * h)  # noqa: E731
    coarse, parts = one(0, 4), [one(j, 1) for j in range(4)]
    w = np.concatenate([p.w for p in parts]).reshape(128, 4)
    inner = np.concatenate([p.area for p in parts]).reshape(128, 4)
    np.testing.assert_allclose(coarse.w[:, 0], w.sum(axis=1), rtol=1e-10, atol=1e-14)
    # Chen: the mean of the path above its start, from the pieces; then the chord is taken off.
    mean = (np.cumsum(w, axis=1) - w + 0.5 * w + inner).mean(axis=1)
    np.testing.assert_allclose(coarse.area[:, 0], mean - 0.5 * w.sum(axis=1), atol=1e-12)


def test_the_steps_of_a_dyadic_plan_fill_its_trees():
    problem = problems.neuron(periods=2)
    plan = paths.dyadic(problem, 2**12)
    spans = np.diff(plan.edges)
    assert plan.edges[0] == 0
    assert plan.edges[-1] == float(problem.t_end)
    assert ((plan.counts > 0) == (spans > 0)).all()
    used = plan.counts[spans > 0]
    assert (used % paths.CHUNK == 0).all()
    assert (2 ** np.log2(used).astype(int) == used).all()
    assert (spans[spans > 0] / used <= float(problem.t_end) / 2**12 * (1 + 1e-9)).all()


def test_the_noise_free_equations_are_the_problems_own():
    problem = problems.oscillator(triangle=True)
    f, rng = jax.jit(lambda t, y: problem.f(t, y)), np.random.default_rng(2)
    for t in rng.uniform(0, 10, 20):
        y = (rng.normal(), rng.uniform(0.3, 3), rng.uniform(0, 3))
        theirs = noise_free.rhs(t, y, 1e-5)
        np.testing.assert_allclose(f(jnp.asarray(t), jnp.asarray(y)), theirs, rtol=1e-9, atol=1e-6)


@pytest.mark.integration
def test_the_noise_free_reference_agrees_with_another_method():
    exact = noise_free.reference(1e-5, rtol=1e-9)
    other, count = noise_free.scipy_current("BDF", 1e-5, rtol=1e-8, atol=1e-10)
    assert np.abs(other - exact).max() < 1e-6 * exact.max()
    assert count > 500


def test_strong_and_weak_errors_are_those_of_known_differences():
    rng = np.random.default_rng(3)
    ref = rng.normal(size=(1000, 2))
    ends = ref + np.array([3e-3, 4e-3])
    assert errors.strong(ends, ref)["median"] == pytest.approx(5e-3)
    paired = errors.weak(ends, ref, ("a", "b"))
    assert paired["error"] == pytest.approx(4e-3)
    assert paired["se"] < 1e-12
    assert paired["variance"]["a"][0] == pytest.approx(0.0, abs=1e-12)
    apart = errors.weak(ends, rng.normal(size=(1000, 2)), ("a", "b"), paired=False)
    assert apart["se"] == pytest.approx(math.sqrt(2 / 1000), rel=0.1)


@pytest.mark.study
def test_ours_solves_along_the_path_of_the_reference():
    problem = problems.oscillator(t_end=10 / 1024)
    keys = jax.random.split(jax.random.key(0), 2)
    solved = ours.solve(problem, keys, rtol=1e-3, method="default")
    step = ours.SCHEMES["memjax SraEsdirk"].step
    plan = paths.dyadic(problem, 512)
    source = lambda k: paths.along(paths.path("dyadic", problem, k, steps=512))  # noqa: E731
    ends = [paths.walk(step, problem, source(k), plan) for k in keys]
    # Two schemes along one path: apart by tolerances (1e-3 of the state and 1e-4), not by noise (2e-3).
    np.testing.assert_allclose(solved.y[:, :2], np.stack(ends)[:, :2], atol=3e-4)


def _points(record, family, *, weak):
    for n in (256, 1024, 4096):
        strong = {"median": 1 / n, "mean": 1 / n, "se": 0.0, "rms": 1 / n}
        extra = {"family": family, "accepted": n, "rejected": 0, "strong": strong, "weak": weak}
        names = {"problem": "lhn", "n": 8, "reference": "exact"}
        record.ok(family, Times(run=[1e-6 * n]), error=1 / n, extra=extra, **names)


@pytest.mark.slow
def test_the_picture_and_its_numbers_lie_beside_the_records(tmp_path):
    names = {"run_id": "r", "case": "stiff_sde", "size": "smoke", "baseline": "-"}
    record = Recorder(path=tmp_path / "r.jsonl", **names)
    _points(record, "euler-maruyama scan", weak={"error": 1e-3, "se": 1e-5})
    _points(record, "memjax adaptive", weak={"error": 1e-4, "se": 1e-3})
    record.write("diffrax SRA1", status="skipped", reason="refused", problem="lhn")
    picture = pictures.write(record.path, "r")
    assert picture is not None
    assert picture.read_bytes().startswith(b"\x89PNG")
    numbers = json.loads((tmp_path / "stiff_sde.json").read_text())
    assert [p["strong"] for p in numbers["points"]] == [1 / 256, 1 / 1024, 1 / 4096] * 2
    assert pictures.write(record.path, "another run") is None
