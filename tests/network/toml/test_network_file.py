"""Networks out of files: what they become, and what is refused with all its reasons."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import memjax as mj
from memjax.errors import NetworkError
from memjax.network import Edges, Neurons, Poisson, SpikeList, by_distance, run
from memjax.network.toml import load_network

HEAD = "duration = 0.002\n"
NEURON = """
[groups.exc]
model = "threshold-switch-neuron"
n = 4
bias = 1.0
spike = { signal = "switch.x", level = 0.5, rearm = 0.2 }
"""
SPIKE = 'spike = { signal = "node.v", level = 0.3, rearm = 0.4, sign = -1 }\n'
OSCILLATOR = '[groups.osc]\nmodel = "relaxation-oscillator"\nbias = 1.0\n' + SPIKE
INPUT = '\n[groups.in]\nkind = "poisson"\nn = 3\nrate = 100\n'
PROJECTION = """
[[projections]]
pre = "in"
post = "exc"
connect = { rule = "fixed_fan_in", fan_in = 2 }
weight = 0.1
tau = 1e-3
"""


@pytest.fixture
def load(tmp_path):
    """Read a network whose file holds these texts."""

    def load(*texts, **options):
        path = tmp_path / "net.toml"
        step = "" if "dt =" in texts[0] else "dt = 1e-5"
        path.write_text("\n".join([HEAD, step, *texts]))
        return load_network(path, **options)

    return load


@pytest.fixture
def fit(tmp_path):
    """A folder that `memjax fit` could have left; keyword arguments replace what is at the top level."""

    def fit(**changes):
        content = {
            "schema_version": 1,
            "model": "diffusive",
            "parameters": {
                n: {"value": x} for n, x in {"mu": 250.0, "gamma1": 40.0, "r_on": 4e3}.items()
            },
            "bench": {"series_resistance": 1e4, "temperature": 350.0},
            "cycle_spread": {"mu": {"sigma_ln": 0.2}, "r_on": {"sigma_ln": 0.3}},
        }
        (tmp_path / "fitted").mkdir(exist_ok=True)
        (tmp_path / "fitted" / "fit.json").write_text(json.dumps(content | changes))

    return fit


def _group(found, name="exc"):
    return next(g for g in found.network.groups if g.name == name)


@pytest.mark.slow
def test_a_file_runs_as_the_network_that_it_describes(load):
    one = PROJECTION.replace("0.1", "1e-4")
    found = load("dt = 1e-7\nseed = 5", NEURON, INPUT, one, "[record]\nwatch = { exc = [0, 3] }")
    assert (found.duration, found.network.dt, found.network.seed) == (0.002, 1e-7, 5)
    # A tenth of the time of the switch: warnings are errors here.
    recording = run(found.network, found.duration, watch=found.watch)
    assert recording.sizes == {"exc": 4, "in": 3}
    # The period of docs/circuits/threshold-switch-neuron.md, by the adaptive solver.
    np.testing.assert_allclose(recording.statistics["exc"]["isi"], 264e-6, rtol=0.01)
    assert recording.traces["exc"]["node.v"].shape == (len(recording.times), 2)


def test_the_seed_of_the_call_wins_over_the_file_s(load):
    drawn = NEURON + 'spread = { "r_in.r" = 0.1 }\n'
    first, again, other = (load("seed = 5", drawn, seed=k) for k in (5, None, 6))
    values = [_group(f).values["r_in.r"] for f in (first, again, other)]
    assert other.network.seed == 6
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.any(values[0] == values[2])


def test_parameters_are_log_normal_as_stated(load):
    text = NEURON.replace("n = 4", "n = 4000")
    text += 'values = { "r_in.r" = 2e6 }\nspread = { "r_in.r" = 0.1, "switch.v_th" = 0.05 }\n'
    text += 'correlation = [["r_in.r", "switch.v_th", 0.6]]\n'
    values = _group(load(text)).values
    r, v = (np.log(values[n]) for n in ("r_in.r", "switch.v_th"))
    # Standard errors of 4000: sigma / sqrt(2 n) of a spread, sigma / sqrt(n) of a mean; |z| < 4.
    assert abs(r.std() - 0.1) < 4 * 0.1 / np.sqrt(8000)
    assert abs(v.std() - 0.05) < 4 * 0.05 / np.sqrt(8000)
    assert abs(r.mean() - np.log(2e6)) < 4 * 0.1 / np.sqrt(4000)
    assert abs(np.corrcoef(r, v)[0, 1] - 0.6) < 4 * (1 - 0.6**2) / np.sqrt(4000)


def test_a_neuron_s_parameters_depend_on_seed_group_and_number_only(load):
    drawn = NEURON + 'spread = { "r_in.r" = 0.1 }\n'
    few, many = load(drawn), load(INPUT, drawn.replace("n = 4", "n = 9"), PROJECTION)
    other = load(drawn.replace("groups.exc", "groups.other"))
    values = _group(few).values["r_in.r"]
    np.testing.assert_array_equal(values, _group(many).values["r_in.r"][:4])
    assert not np.any(values == _group(other, "other").values["r_in.r"])


@pytest.mark.slow
def test_drawn_parameters_are_those_of_every_precision(load, tmp_path):
    own = _group(load(NEURON + 'spread = { "r_in.r" = 0.1 }\n')).values["r_in.r"]
    program = f"""
import jax
from memjax.network.toml import load_network
assert not jax.config.jax_enable_x64
print(*load_network({str(tmp_path / "net.toml")!r}).network.groups[0].values["r_in.r"].tolist())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    np.testing.assert_allclose([float(x) for x in ended.stdout.split()], own, rtol=1e-5)


@pytest.mark.integration
def test_a_fit_takes_the_place_of_a_device_and_its_cycles_scatter(load, fit):
    fit()
    text = OSCILLATOR + 'n = 3000\nvalues = { "memristor.gamma1" = 50.0, "c.c" = 5e-9 }\n'
    found = load(text, '[groups.osc.devices.memristor]\nfit = "fitted"\n')
    group = _group(found, "osc")
    get = lambda name: float(mj.params.get(group.circuit, name))  # noqa: E731
    assert (get("memristor.mu"), get("memristor.gamma1"), get("c.c")) == (250.0, 50.0, 5e-9)
    # What the fit does not name stands at the device's default, not at the circuit's own.
    assert get("memristor.theta") == float(mj.DiffusiveMemristor().theta)
    assert (group.env.temperature, get("r_in.r")) == (300.0, 150e3)  # not those of the bench
    for name, sigma in (("memristor.mu", 0.2), ("memristor.r_on", 0.3)):
        logs = np.log(group.values[name])
        assert abs(logs.std() - sigma) < 4 * sigma / np.sqrt(6000)
        assert abs(logs.mean() - np.log(get(name))) < 4 * sigma / np.sqrt(3000)
    assert set(found.source) == {"net.toml", "fitted/fit.json"}
    fit(cycle_correlation=[["mu", "r_on", -0.7]])
    drawn = _group(load(text, '[groups.osc.devices.memristor]\nfit = "fitted"\n'), "osc").values
    logs = [np.log(drawn[f"memristor.{n}"]) for n in ("mu", "r_on")]
    assert abs(np.corrcoef(*logs)[0, 1] + 0.7) < 4 * (1 - 0.7**2) / np.sqrt(3000)
    still = load(text, '[groups.osc.devices.memristor]\nfit = "fitted"\ncycle_spread = false\n')
    assert _group(still, "osc").values == {}


def test_a_device_of_another_model_takes_a_place(load):
    text = OSCILLATOR + "n = 2\n[groups.osc.devices.memristor]\n"
    preset = load(text + 'preset = "diffusive/wang2024-lif"\n')
    own = _group(preset, "osc").circuit.devices["memristor"]
    values = mj.presets.load("diffusive/wang2024-lif")[1]
    assert mj.params.to_dict(own) == mj.params.to_dict(mj.params.replace(type(own)(), values))
    other = load(text + 'model = "ecm"\n')
    assert isinstance(_group(other, "osc").circuit.devices["memristor"], mj.Ecm)


@pytest.mark.integration
def test_a_circuit_has_the_parameters_of_preset_file_and_population(load, tmp_path):
    get = lambda f, name: float(mj.params.get(_group(f, "osc").circuit, name))  # noqa: E731
    preset = load(OSCILLATOR + 'n = 2\npreset = "relaxation-oscillator/wang2024"\n')
    assert get(preset, "memristor.theta") == 200.0
    (tmp_path / "own.toml").write_text('"r_in.r" = 2e5\n')
    params = load(OSCILLATOR + 'n = 2\nparams = "own.toml"\n')
    assert get(params, "r_in.r") == 2e5
    base = mj.params.replace(mj.model("relaxation-oscillator"), {"c.c": 7e-9})
    middle = mj.params.unconstrain(mj.params.replace(base, {"r_in.r": 1e5}), ["r_in.r"])
    population = mj.Population.of(base, ["r_in.r"], center=middle, covariance=[[0.01]])
    population.save(tmp_path / "own.json", name="relaxation-oscillator")
    drawn = load(OSCILLATOR + 'n = 500\npopulation = "own.json"\n')
    assert get(drawn, "c.c") == 7e-9
    # The draw is of the file's own coordinate, within which this median is a quantile like any other.
    drawn_below = (_group(drawn, "osc").values["r_in.r"] < 1e5).mean()
    assert abs(drawn_below - 0.5) < 4 * 0.5 / np.sqrt(500)


def test_sources_are_what_their_files_say(load, tmp_path):
    np.save(tmp_path / "images.npy", np.array([[[0.0, 1.0]], [[0.5, 0.25]]]))
    (tmp_path / "spikes.csv").write_text("source, time_s\n1, 2e-4\n0, 1e-4\n")
    (tmp_path / "rates.csv").write_text("10,20\n30,40\n")
    images = '[groups.%s]\nkind = "images"\nfile = "images.npy"\ninterval = 1e-3\ncode = "%s"\n'
    listed = '[groups.c]\nkind = "spikes"\nn = 2\nfile = "spikes.csv"\n'
    rates = '[groups.d]\nkind = "poisson"\nn = 2\nfile = "rates.csv"\ninterval = 1e-3\n'
    found = load(images % ("a", "rates"), images % ("b", "latencies"), listed, rates)
    a, b, c, d = found.network.groups
    assert [type(g) for g in (a, b, c, d)] == [Poisson, SpikeList, SpikeList, Poisson]
    np.testing.assert_allclose(a.rate, [[0, 100], [50, 25]])
    np.testing.assert_array_equal(b.source, [1, 0, 1])
    np.testing.assert_allclose(b.time, [0.0, 1.5e-3, 1.75e-3])
    assert (c.source.tolist(), c.time.tolist()) == ([1, 0], [2e-4, 1e-4])
    np.testing.assert_array_equal(d.rate, [[10, 20], [30, 40]])
    assert list(found.source) == ["net.toml", "images.npy", "spikes.csv", "rates.csv"]


def _edges(load, connect, *, more="", weight="weight = 0.1\n") -> tuple[Edges, object]:
    text = f'[[projections]]\npre = "in"\npost = "exc"\ntau = 1e-3\n{weight}{more}'
    found = load(NEURON, INPUT.replace("n = 3", "n = 4"), f"{text}connect = {{ {connect} }}\n")
    assert isinstance(_group(found), Neurons)
    return found.network.projections[0].edges, found.network.projections[0].weight


def test_rules_connect_as_they_are_named(load, tmp_path):
    assert len(_edges(load, 'rule = "dense"')[0]) == 16
    assert len(_edges(load, 'rule = "dense", themselves = false')[0]) == 12
    np.testing.assert_array_equal(_edges(load, 'rule = "one_to_one"')[0].pre, range(4))
    drawn = [_edges(load, f'rule = "fixed_fan_in", fan_in = 50, seed = {k}')[0] for k in (1, 1, 2)]
    assert np.bincount(drawn[0].post).tolist() == [50] * 4
    np.testing.assert_array_equal(drawn[0].pre, drawn[1].pre)
    assert np.any(drawn[0].pre != drawn[2].pre)
    (tmp_path / "edges.csv").write_text("pre,post,delay_s,weight\n3,0,2e-3,0.5\n1,2,1e-3,-0.25\n")
    edges, weight = _edges(load, 'rule = "file", file = "edges.csv"', weight="")
    assert (edges.pre.tolist(), edges.post.tolist()) == ([3, 1], [0, 2])
    assert (edges.delay.tolist(), weight.tolist()) == ([2e-3, 1e-3], [0.5, -0.25])


def test_members_of_a_grid_stand_in_a_square(load):
    rule = 'rule = "by_distance", size = 2e-3, length = 1e-3, fan_in = 3, speed = 10.0, seed = 4'
    edges, _ = _edges(load, rule, more="delay = 2e-3\n")
    grid = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5]]) * 1e-3
    same = by_distance(grid, grid, length=1e-3, fan_in=3, speed=10.0, delay=2e-3, seed=4)
    np.testing.assert_array_equal(edges.pre, same.pre)
    np.testing.assert_allclose(edges.delay, same.delay)
    elsewhere, _ = _edges(load, rule + ', positions = "random"', more="delay = 2e-3\n")
    assert np.all((elsewhere.delay >= 2e-3) & (elsewhere.delay < 2e-3 + 2.83e-3 / 10))
    assert np.any(elsewhere.delay != edges.delay)


def test_weights_are_log_normal_and_keep_their_sign(load):
    weight = "weight = { mean = -0.2, sigma = 0.5 }\n"
    _, w = _edges(load, 'rule = "fixed_fan_in", fan_in = 1000', weight=weight)
    assert w.shape == (4000,)
    assert np.all(w < 0)
    assert abs(np.log(-w).std() - 0.5) < 4 * 0.5 / np.sqrt(8000)
    assert abs(w.mean() / -0.2 - 1) < 4 * np.sqrt(np.expm1(0.25) / 4000)


WRONG = [
    ("speed = 3", (NEURON,), r"no key 'speed'; in the file; allowed: duration, dt, seed,"),
    ("", (NEURON.replace("n = 4", ""),), r"no key 'n'; in groups.exc; allowed: n = a whole"),
    ("", (NEURON.replace("n = 4", 'n = "4"'),), r"'4'; in groups.exc.n; allowed: a whole number"),
    ("", (NEURON.replace("threshold-sw", "sw"),), r"in groups.exc.model; allowed: 1m1t1r, "),
    ("", (NEURON.replace("level", "levels"),), r"no key 'level'; in groups.exc.spike; .*'levels'"),
    ("", (NEURON.replace("switch.x", "switch.y"),), r"groups.exc.spike.signal; allowed: switch.x"),
    ("", (NEURON, "[groups.b]\nkind = 'cells'"), r"'cells'; in groups.b.kind; allowed: neurons"),
    ("", (NEURON + "start = { v = 1 }\n",), r"no 'v'; in groups.exc.start; allowed: switch.x"),
    ("", (NEURON.replace("1.0", "{ gate = 1 }"),), r"'gate'; in groups.exc.bias; allowed: input"),
    ("", (NEURON + "values = { r = 1 }\n",), r"no 'r'; in groups.exc.values; allowed: r_in.r,"),
    (
        "",
        (NEURON + "values.r_in.r = -1\n",),
        r"r_in.r = -1.0 ohm; in groups.exc.values; al",
    ),
    ("", (NEURON + "spread = { r = 1 }\n",), r"no 'r'; in groups.exc.spread; allowed: r_in.r,"),
    ("", (NEURON + "spread.c.v0 = 0.1\n",), r"c.v0 = 0.*; in groups.exc.spread; allowed: "),
    ("", (NEURON + 'correlation = [["a", "b", 1]]\n',), r"groups.exc.correlation\[0\]; allowed"),
    (
        "",
        (NEURON + "preset = 'none'\n",),
        r"unknown preset 'none'; in groups.exc; allowed: 1m1t1r",
    ),
    ("", (NEURON + "preset = 'ecm/x'\nparams = 'p'\n",), r"preset, params together; in groups.exc"),
    (
        "",
        (NEURON + "params = 'gone.toml'\n",),
        r"'gone.toml' cannot be read .*; in groups.exc.params",
    ),
    (
        "",
        (NEURON + "params = '/etc/hosts'\n",),
        r"'/etc/hosts' leads out of the folder of the file",
    ),
    (
        "",
        (NEURON + "fit = 'a/../../b'\n",),
        r"'a/../../b' leads out.*; in groups.exc.fit; allowed: a file in it",
    ),
    ("", (NEURON + "devices.memristor.model = 'ecm'\n",), r"'memristor'; .*exc.devices; .* switch"),
    (
        "",
        (
            NEURON
            + "devices.switch.preset = 'drift/zhuo2022-bipolar'\ndevices.switch.model = 'ecm'\n",
        ),
        r"the model 'drift'; in .*groups.exc.devices.switch; allowed: ecm",
    ),
    (
        "",
        (NEURON + "[groups.exc.devices.switch]\n",),
        r"no key 'model'; in groups.exc.devices.switch",
    ),
    ("", (NEURON, PROJECTION), r"'in'; in projections\[0\].pre; allowed: exc"),
    ("", (NEURON, INPUT, PROJECTION.replace('"exc"', '"in"')), r"'in'; in projections\[0\].post"),
    (
        "",
        (NEURON, INPUT, PROJECTION.replace("fixed", "loose")),
        r"projections\[0\].connect.rule; all",
    ),
    (
        "",
        (NEURON, INPUT, PROJECTION + "delay = 1.5e-5\n"),
        r"1.5e-05 s; in projections\[0\].delay; allowed: a mult",
    ),
    (
        "",
        (NEURON, INPUT, PROJECTION + "port = 'gate'\n"),
        r"'gate'; in projections\[0\].port; allowed",
    ),
    ("", (NEURON, INPUT, PROJECTION + "reversal = 0.5\n"), r"reversal voltage at a voltage source"),
    (
        "",
        (NEURON, INPUT, PROJECTION + "width = 1e-3\n"),
        r"tau = 0.001, width = 0.001; in projections",
    ),
    ("", (NEURON, INPUT.replace("100", "1e5")), r"rate = 100000 1/s; in groups.in; allowed: below"),
    ("", (NEURON, "[record]\nweights = ['a']\n"), r"no key 'weights'; in record; allowed: watch"),
    ("", (NEURON, "[record]\nwatch.other = [0]\n"), r"no 'other'; in record.watch; allowed: exc"),
    (
        "",
        (NEURON, "[record]\nwatch.exc = [4]\n"),
        r"neuron 4; in record.watch.exc; allowed: 0 to 3",
    ),
    ("", ("[groups]\n",), r"no groups"),
    ("= 1", (), r"cannot be read: .*; in .*net.toml; allowed: a TOML file"),
]


@pytest.mark.integration
@pytest.mark.parametrize(("top", "texts", "says"), WRONG)
def test_a_wrong_file_says_what_where_and_what_is_allowed(load, top, texts, says):
    with pytest.raises(NetworkError, match=says):
        load(top, *texts)


def test_all_that_is_wrong_is_said_at_once(load):
    neuron = NEURON.replace("n = 4", "n = 0").replace("bias", "biases")
    with pytest.raises(NetworkError) as caught:
        load("sede = 1", neuron, PROJECTION, "[record]\nwatch.exc = [0]")
    told = str(caught.value)
    assert "\n" not in told
    for part in ("0; in groups.exc.n;", "'biases'; in groups.exc;", "projections[0].pre", "'sede'"):
        assert part in told


def test_errors_of_all_stages_stand_in_one_line_each(load, tmp_path):
    """Six mistakes of six kinds in different places: none hides another, and nothing else is said."""
    (tmp_path / "edges.csv").write_text("pre,post\n0,0\n0,4\n")
    neuron = NEURON.replace("n = 4", "n = 4\nstart = { 'switch.x' = [0.1, 0.2, 7] }")
    neuron += "values = { 'r_in.r' = -1, 'switch.v' = 1.0 }\n"
    wired = PROJECTION.replace(
        'rule = "fixed_fan_in", fan_in = 2', 'rule = "file", file = "edges.csv"'
    )
    lost = PROJECTION.replace('"exc"', '"lost"') + "delay = 1.5e-5\n"
    with pytest.raises(NetworkError) as caught:
        load(
            neuron,
            INPUT.replace("100", "1e5"),
            wired,
            lost,
            "[record]\nevery = 2.5e-5\nwatch.exc = [9]",
        )
    lines = caught.value.lines
    expected = [
        r"no 'switch.v'; in groups.exc.values; allowed: r_in.r, ",
        r"3 numbers; in groups.exc.start.switch.x; allowed: one, or 4",
        r"\[0.1, 0.2, 7\]; in groups.exc.start.switch.x; allowed: 0 to 1 1",
        r"r_in.r = -1.0 ohm; in groups.exc.values; allowed: ",
        r"rate = 100000 1/s; in groups.in; allowed: below ",
        r"post = 4; in .*edges.csv, line 3 of projections\[0\]; allowed: 0 to 3",
        r"'lost'; in projections\[1\].post; allowed: exc",
        r"1.5e-05 s; in projections\[1\].delay; allowed: a multiple of dt = 1e-05 s",
        r"neuron 9; in record.watch.exc; allowed: 0 to 3",
        r"every = 2.5e-05 s; in record of record.every|every = 2.5e-05 s; in record.every; allowed: a multiple",
    ]
    assert len(lines) == len(expected), lines
    for line, says in zip(lines, expected):
        assert re.match(says, line), line
    assert str(caught.value) == "; also ".join(lines)


def test_records_are_as_often_as_the_file_says(load):
    found = load(NEURON, "[record]\nevery = 3e-5\nwatch.exc = [1]")
    assert (found.every, found.watch) == (3e-5, {"exc": [1]})
    assert load(NEURON).every is None


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("edges.csv", "pre,post\n0,0\n0,4\n", r"post = 4; .*edges.csv, line 3 .*; allowed: 0 to 3"),
        ("edges.csv", "pre,post\n0,0.5\n", r"post = 0.5; .*edges.csv, line 2.*; allowed: a whole"),
        (
            "edges.csv",
            "pre,to\n0,0\n",
            r"columns pre,to; .*; allowed: columns pre,post\[,delay_s\]",
        ),
        ("edges.csv", "", r"cannot be read: .*edges.csv"),
        ("edges.csv", "pre,post,weight\n0,0,1\n", r"weights twice or not at all; .*\[0\].weight"),
    ],
)
def test_a_wrong_list_of_connections_is_refused_with_its_line(load, tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(NetworkError, match=says):
        _edges(load, f'rule = "file", file = "{name}"')


def test_a_fit_that_does_not_suit_is_refused(load, fit):
    text = (OSCILLATOR + 'n = 2\n[groups.osc.devices.memristor]\nfit = "fitted"\n',)
    fit(bench={"reversed": True})
    with pytest.raises(NetworkError, match=r"terminals swapped; in .*fit.json of groups.osc.dev"):
        load(*text)
    fit(model="1m1t1r")
    with pytest.raises(NetworkError, match=r"the model '1m1t1r'; .*; allowed: diffusive, "):
        load(*text)
    fit(parameters={"mu": {"value": -1.0}})
    with pytest.raises(NetworkError, match=r"mu = -1.*; in groups.osc.devices.memristor; allowed"):
        load(*text)


@pytest.mark.integration
def test_devices_of_a_population_differ_from_neuron_to_neuron(load, tmp_path):
    device = mj.DiffusiveMemristor()
    center = mj.params.unconstrain(device, ["mu", "gamma1"])
    covariance = np.array([[0.04, 0.03], [0.03, 0.0625]])
    population = mj.Population.of(device, ["mu", "gamma1"], center=center, covariance=covariance)
    population.save(tmp_path / "wafer.json")
    text = OSCILLATOR + 'n = 2000\ndevices.memristor = { population = "wafer.json" }\n'
    values = _group(load(text), "osc").values
    drawn = np.log([values["memristor.mu"], values["memristor.gamma1"]])
    # Standard errors of the elements of a covariance of 2000.
    error = np.sqrt((covariance**2 + np.outer(*[np.diag(covariance)] * 2)) / 2000)
    assert np.all(np.abs(np.cov(drawn) - covariance) < 4 * error)
    with pytest.raises(NetworkError, match=r"memristor.mu given and drawn; in groups.osc.spread"):
        load(text + 'spread = { "memristor.mu" = 0.1 }\n')
    with pytest.raises(NetworkError, match=r"preset, population together; .*devices.memristor"):
        load(text.replace("population =", 'preset = "diffusive/wang2024-lif", population ='))
    with pytest.raises(NetworkError, match=r"the model 'diffusive'; .*; allowed: ecm"):
        load(text.replace("population =", 'model = "ecm", population ='))


def test_a_population_stands_alone(load, tmp_path):
    (tmp_path / "own.json").write_text("{}")
    with pytest.raises(NetworkError, match=r"together with spread; in groups.osc.population"):
        load(OSCILLATOR + 'n = 2\npopulation = "own.json"\nspread = { "r_in.r" = 0.1 }\n')
    with pytest.raises(NetworkError, match=r"no population can be read: .*own.json of groups.osc"):
        load(OSCILLATOR + 'n = 2\npopulation = "own.json"\n')


def test_energy_is_asked_for_at_the_top_and_knows_what_a_stimulus_is(load, tmp_path):
    assert not load(NEURON).energy
    with pytest.raises(NetworkError, match=r"energy.*allowed: true or false"):
        load('energy = "yes"', NEURON)
    np.save(tmp_path / "images.npy", np.full((3, 2, 2), 0.5))
    images = (
        '\n[groups.NAME]\nkind = "images"\nfile = "images.npy"\ninterval = 1e-3\ncode = "CODE"\n'
    )
    texts = [images.replace("NAME", c).replace("CODE", c) for c in ("rates", "latencies")]
    file = load("energy = true", NEURON, INPUT, *texts)
    assert file.energy
    assert file.stimuli == {"rates": (1e-3, 3), "latencies": (1e-3, 3)}
    assert file.models == {"exc": "threshold-switch-neuron"}


def test_a_folder_that_holds_several_fits_names_them(load, tmp_path):
    (tmp_path / "choice" / "mms").mkdir(parents=True)
    (tmp_path / "choice" / "mms" / "fit.json").write_text("{}")
    own = '[groups.exc.devices.switch]\nfit = "choice"\n'
    with pytest.raises(NetworkError, match=r"no fit.json in 'choice'; .*name a fit in it: .*mms"):
        load(NEURON, own)
