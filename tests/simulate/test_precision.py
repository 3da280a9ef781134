"""float32: what is declared gives what float64 gives, and what is not is refused before it starts."""

from pathlib import Path

import jax
import numpy as np
import pytest

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.errors import PolicyError, SolveWarning
from memjax.solver import DriftImplicitEuler, SemiImplicitEuler

PAGE = Path(__file__).parents[2] / "docs" / "models-float32.md"
ROWS, STEPS = 512, 8192
"""Powers of two, so that times are the same numbers in both precisions."""

SWEEPS = {
    "diffusive": (0.5, 1, False),
    "diffusive-spice": (1.0, 3, False),
    "langevin": (40.0, 6, False),
    "langevin-chain": (1.0, 3, False),
    "second-order": (1.0, -7, False),
    "and-ts": (0.6, -13, True),
    "diffusive-1m1t1r": (0.5, -3, False),
    "threshold-switch": (21.0, 6, False),
    "drift": (2.0, -13, True),
    "linear-drift": (1.0, 1, True),
    "vteam": (1.0, 0, True),
    "yakopcic": (0.5, -3, True),
    "stanford-pku": (1.5, -7, True),
    "jart-vcm": (1.2, 0, True),
    "mms": (0.5, -7, True),
    "ecm": (0.5, 0, True),
    "event-switches": (1.0, 0, True),
    "hybrid": (1.0, 8, True),
}
"""Peak [V], binary logarithm of the duration [s], whether to both polarities."""

STRENGTHS = {
    "diffusive": {"sigma1": 8.0, "sigma2": 5.0},
    "second-order": {"sigma": 0.05},
    "diffusive-1m1t1r": {"sigma1": 0.01, "sigma2": 0.01},
}
PRESETS = {name.split("/")[0]: name for name in mj.presets.names()}

SHORT = {("mms", "DriftImplicitEuler", True), ("diffusive", "DriftImplicitEuler", True)}
SHORT |= {("vteam", "Stiff", False), ("yakopcic", "SemiImplicitEuler", False)}
"""The others run with the studies."""


def _random(name: str) -> bool:
    cls = mj.device_class(name)
    return name == "event-switches" or any(s.noise for s in parameter_specs(cls).values())


CASES = [
    pytest.param(name, kind, noisy, marks=[] if (name, kind, noisy) in SHORT else pytest.mark.study)
    for name in SWEEPS
    for kind in mj.device_class(name).single_precision
    for noisy in (False, True)
    if not noisy or (kind != "Stiff" and _random(name) and name != "drift")
]


def _device(name, noisy):
    device = mj.model(name)
    if name in STRENGTHS:
        return mj.params.replace(device, STRENGTHS[name]) if noisy else device
    return mj.params.replace(device, mj.presets.load(PRESETS[name])[1])


def _policy(name, kind, duration):
    methods = {"DriftImplicitEuler": DriftImplicitEuler(), "SemiImplicitEuler": SemiImplicitEuler()}
    # A filament of ecm closes the faster the closer it is: semi-implicit steps twice as long are refused.
    steps = 4 * STEPS if name == "ecm" else STEPS
    return mj.Fixed(duration / steps, method=methods[kind]) if kind in methods else mj.Stiff()


def _sweep(name, slower=1):
    peak, power, both = SWEEPS[name]
    duration = slower * 2.0**power
    rate = (4 if both else 2) * peak / duration
    return mj.triangle_sweep(peak, rate, negative=peak if both else None), duration


def _solve(name, kind, noisy, *, double, slower=1):
    """Current and states in one precision, as float64."""
    with jax.enable_x64(double):
        sweep, duration = _sweep(name, slower)
        options = dict(policy=_policy(name, kind, duration), save=duration / ROWS, seed=1)
        options |= dict(members=2 if noisy else 1, deterministic=not noisy)
        trace = mj.simulate(_device(name, noisy), sweep, **options).check()
        return jax.tree.map(lambda x: np.asarray(x, float), (trace.i, trace.state))


def _differences(name, kind, noisy, slower=1):
    """States and readings in which float32 is not what float64 is."""
    (i, state), (i32, state32) = (
        _solve(name, kind, noisy, double=d, slower=slower) for d in (True, False)
    )
    wrong = []
    for spec in mj.device_class(name)().states if name != "langevin-chain" else ():
        room = max(float(np.ptp(state[spec.name])), 1e-3 * spec.scale)
        if not np.max(np.abs(state32[spec.name] - state[spec.name])) < 0.02 * room:
            wrong.append(spec.name)
    seen = np.abs(i) > 1e-6 * np.abs(i).max()
    decades = np.abs(np.log10(np.abs(i32[seen])) - np.log10(np.abs(i[seen])))
    if not np.median(decades) < np.log10(1.01):
        wrong.append("current")
    level = np.sqrt(np.abs(i).max() * np.median(np.abs(i)))  # one row of v at each crossing
    first = [np.argmax(np.abs(x) > level, axis=1) for x in (i, i32)]
    if not np.all(np.abs(first[0] - first[1]) <= 1):
        wrong.append("row of the crossing")
    return wrong


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind", "noisy"), CASES)
def test_what_is_declared_gives_what_float64_gives(name, kind, noisy):
    assert _differences(name, kind, noisy) == []


@pytest.mark.study
@pytest.mark.parametrize(
    "name", [n for n in SWEEPS if "Stiff" in mj.device_class(n).single_precision]
)
def test_adaptive_steps_that_are_declared_hold_in_sweeps_64_times_as_slow(name):
    assert _differences(name, "Stiff", False, slower=64) == []


def test_the_page_says_what_the_models_declare():
    text = PAGE.read_text(encoding="utf-8")
    rows = [
        [c.strip() for c in r.split("|")[1:-1]] for r in text.splitlines() if r.startswith("| `")
    ]
    rows = {r[0].strip("`"): r[1:] for r in rows if "Stiff" not in r[0]}
    known = [c.name for c in mj.device.registry.BUILT_IN if c.single_precision]
    assert list(rows) == list(SWEEPS) == known
    for name, cells in rows.items():
        declared = mj.device_class(name).single_precision
        kinds = ("Stiff", "DriftImplicitEuler", "SemiImplicitEuler")
        assert {*cells[:3]} <= {"yes", "no"}
        assert [c == "yes" for c in cells[:3]] == [k in declared for k in kinds], name
        assert cells[3], name


FIX = r"jax\.config\.update\('jax_enable_x64', True\)"
SERIES = dict(bench=mj.Bench(series_resistance=1e3))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("match", "device", "options"),
    [
        ("Stiff with noise in float32", lambda: mj.DiffusiveMemristor(sigma1=8.0), {}),
        ("Stiff in float32", mj.DiffusiveMemristor, {}),
        (
            "SemiImplicitEuler in float32",
            mj.DiffusiveMemristor,
            dict(policy=mj.Fixed(1e-3, SemiImplicitEuler())),
        ),
        ("in float32", mj.AgFilament, dict(policy=mj.Fixed(1e-3))),
        ("Stiff in float32.*in vteam", mj.Vteam, SERIES),
        ("Stiff in float32", lambda: mj.model("1m1t1r"), {}),
        ("times .* apart in float32", mj.Vteam, dict(save=1e-6)),
        (
            "r_on = 10 ohm beside a gap of .* ohm",
            lambda: mj.DiffusiveMemristor(r_on=10.0),
            dict(policy=mj.Fixed(1e-2)),
        ),
        (
            "r_on = .* beside a gap of 1e\\+15 ohm",
            mj.DiffusiveMemristor,
            dict(
                policy=mj.Fixed(1e-2),
                members=2,
                conditions=mj.Conditions(values={"r_off": [[1e11], [1e15]]}),
            ),
        ),
        ("fixed steps in float32", mj.Vteam, dict(policy=mj.Fixed(1e-5), save=0.1)),
    ],
)
def test_what_is_not_known_to_hold_is_refused_before_it_starts(match, device, options):
    with (
        jax.enable_x64(False),
        pytest.raises(PolicyError, match=f"{match}.*{FIX}.*single_precision=True"),
    ):
        mj.simulate(device(), mj.triangle_sweep(0.5, 0.5), **options)


@pytest.mark.study
def test_who_insists_is_told_how_many_members_failed():
    """The ensemble of the README, of which most members end below the resolution of time."""
    policy, bench = mj.Stiff(single_precision=True), mj.Bench(compliance=1e-6)
    with jax.enable_x64(False):
        device, sweep = mj.DiffusiveMemristor(sigma1=8.0, sigma2=5.0), mj.triangle_sweep(0.5, 0.5)
        options = dict(bench=bench, policy=policy, members=4, seed=1, save=2e-3)
        with pytest.warns(SolveWarning, match=r"step_underflow.*trace\.good\(\)"):
            trace = mj.simulate(device, sweep, **options)
    assert len(trace.failed) > 0


@pytest.mark.slow
def test_float64_is_asked_nothing():
    trace = mj.simulate(mj.Vteam(), mj.triangle_sweep(0.5, 0.5), policy=mj.Fixed(1e-2), save=0.1)
    assert trace.v.dtype == np.float64
