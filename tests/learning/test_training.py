"""Training of networks of reduced neurons: derivatives, devices as weights, resume, and the full physics."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.errors import NetworkError, OutputError
from memjax.learning import (
    Conductances,
    Samples,
    SpikingNetwork,
    Training,
    classify_in_full,
    latency_samples,
    replicate,
    train,
)
from memjax.learning.samples import winners
from memjax.learning.training import SCORES, _part_size, _shortened_mean
from memjax.network import Network, Neurons, Projection, Receptor, SpikeList, Threshold, dense, run
from memjax.runtime.files import lock_file

INPUTS, HIDDEN, CLASSES = 8, 5, 3
DT = 1e-4


def network(dtype: str = "float64") -> Network:
    """Two layers whose neurons fire once: the gate holds its voltage over a sample."""
    values = mj.presets.load("1m1t1r/zhao2025-table1-noisy")[1] | {"r_c.r": 2e9}
    circuit = mj.neuron.one_memristor(output_stage=False)
    known = mj.fields.parameter_specs(circuit)
    circuit = mj.params.replace(circuit, {n: x for n, x in values.items() if n in known})
    rng = np.random.default_rng(1)
    options = dict(
        circuit=circuit, spike=Threshold(signal="gate.v", level=0.2, rearm=0.1), bias=0.6
    )
    receptor = Receptor(tau=3e-3)
    return Network(
        groups=[
            SpikeList(name="pixels", n=INPUTS, source=np.zeros(0, int), time=np.zeros(0)),
            Neurons(name="hidden", n=HIDDEN, **options),
            Neurons(name="out", n=CLASSES, **options),
        ],
        projections=[
            Projection(
                pre="pixels", post="hidden", edges=dense(INPUTS, HIDDEN), receptor=receptor, delay=DT,
                weight=rng.normal(0.45, 0.2, INPUTS * HIDDEN),
            ),
            Projection(
                pre="hidden", post="out", edges=dense(HIDDEN, CLASSES), receptor=receptor, delay=DT,
                weight=rng.normal(0.6, 0.2, HIDDEN * CLASSES),
            ),
        ],
        dt=2e-7,
        dtype=dtype,
    )  # fmt: skip


def quiet(model: SpikingNetwork) -> Network:
    """The model's network without noise."""
    net = model.to_network(model.parameters)
    groups = [
        replace(g, circuit=mj.params.replace(g.circuit, {"memristor.sigma1": 0.0}))
        if isinstance(g, Neurons)
        else g
        for g in net.groups
    ]
    return replace(net, groups=groups)


def bright_pixels() -> Samples:
    """Samples of three classes, each of which has pixels of its own that are bright."""
    rng = np.random.default_rng(2)
    labels = np.arange(24) % CLASSES
    bright = (np.arange(INPUTS) % CLASSES == labels[:, None]) * 0.5
    return latency_samples(
        bright + rng.uniform(0, 0.5, (24, INPUTS)), labels, interval=8e-3, duration=14e-3
    )


def onto_devices(epochs: int, *, noise: bool) -> tuple[SpikingNetwork, Training]:
    """A network in single precision, and a training with spread whose weights are devices."""
    conductances = Conductances(low=1e-5, high=1e-4, scale=3e4, levels=32, sigma=0.02)
    training = Training(
        output="out",
        epochs=epochs,
        batch=12,
        spread={"out": {"memristor.mu": 0.05}},
        conductances={"hidden-out": conductances},
    )
    return SpikingNetwork(network("float32"), dt=DT, stretches=2, noise=noise), training


@pytest.fixture(scope="module")
def samples() -> Samples:
    return bright_pixels()


@pytest.fixture(scope="module")
def model() -> SpikingNetwork:
    return SpikingNetwork(network(), dt=DT, noise=False, spikes="exact", stretches=2)


@pytest.mark.slow
def test_derivatives_of_first_spikes_are_those_of_their_secants(model, samples):
    inputs = samples.spikes(np.arange(4), DT)
    labels = jnp.asarray(samples.labels[:4])

    @jax.jit
    def loss(parameters):
        score = SCORES["first-spike"](model.outputs(parameters, inputs)["out"], samples.duration)
        return -jnp.mean(jax.nn.log_softmax(score)[jnp.arange(4), labels])

    parameters = model.parameters
    slope = jax.jit(jax.grad(loss))(parameters)
    rng, h = np.random.default_rng(3), 1e-6
    for kind, name in (("weights", "pixels-hidden"), ("weights", "hidden-out"), ("bias", "hidden")):
        d = jnp.asarray(rng.normal(size=parameters[kind][name].shape))
        up, down = (
            loss(
                {**parameters, kind: {**parameters[kind], name: parameters[kind][name] + s * h * d}}
            )
            for s in (1, -1)
        )
        assert abs(float(jnp.vdot(slope[kind][name], d))) > 1e-3  # something to compare
        np.testing.assert_allclose(jnp.vdot(slope[kind][name], d), (up - down) / (2 * h), rtol=1e-2)


@pytest.mark.slow
def test_groups_one_after_the_other_are_what_they_are_all_at_once(model, samples):
    inputs = samples.spikes(np.arange(4), DT)
    assert model.stages == [("hidden",), ("out",)]
    joint = SpikingNetwork(model.network, dt=DT, noise=False, spikes="exact", stretches=2)
    joint.stages = [("hidden", "out")]  # as for groups that feed back on each other
    apart, together = (jax.jit(m.outputs)(model.parameters, inputs) for m in (model, joint))
    assert float(apart["out"].counts.sum()) > 0
    for name in ("hidden", "out"):
        np.testing.assert_array_equal(apart[name].counts, together[name].counts)
        # Sums of another order, which openings and closings amplify.
        np.testing.assert_allclose(apart[name].first, together[name].first, rtol=1e-6)
        np.testing.assert_allclose(apart[name].filament, together[name].filament, rtol=1e-4)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("batch", "size"), [(64, 8), (24, 8), (50, 5), (6, 6), (7, 7), (13, 13), (26, 26)]
)
def test_a_batch_is_divided_into_equal_parts(batch, size):
    assert _part_size(batch) == size


@pytest.mark.study
def test_the_engine_sees_the_spikes_that_the_reduced_network_has(model, samples):
    members = np.arange(4)
    out = model._evaluate(model.parameters, samples.spikes(members, DT), 0)
    recording = run(replicate(quiet(model), samples, members), samples.duration)
    for name, n in (("hidden", HIDDEN), ("out", CLASSES)):
        first = np.full(4 * n, samples.duration)
        np.minimum.at(first, *recording.spikes[name])
        reduced = np.asarray(out[name].first).ravel()
        both = (first < samples.duration) & (reduced < samples.duration)
        assert np.mean(both == (first < samples.duration)) > 0.9
        # The reduced neuron is of first order in its step of 0.1 ms, and its input too.
        assert np.median(np.abs(first - reduced)[both]) < 2 * DT


@pytest.mark.study
def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(samples, tmp_path):
    # Spread and errors of programming are drawn as noise is, by the number of the step, and compile in half the time.
    model, how = onto_devices(epochs=3, noise=False)
    whole = train(model, samples, how, validation=samples)
    path = tmp_path / "training.npz"

    class Killed(Exception):
        pass

    from memjax.learning import training

    saved = training._Loop.save

    def save_and_die(self, path, state):
        saved(self, path, state)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training._Loop, "save", save_and_die)
        with pytest.raises(Killed):
            train(model, samples, how, validation=samples, checkpoint=path)
    again = train(model, samples, how, validation=samples, checkpoint=path)
    assert again.history == whole.history
    assert [list(h) for h in again.history] == [list(h) for h in whole.history]  # in order
    assert jax.tree.all(
        jax.tree.map(lambda a, b: bool(jnp.all(a == b)), again.parameters, whole.parameters)
    )
    weight = np.asarray(whole.parameters["weights"]["hidden-out"])
    level = (weight / 3e4 + 5.5e-5 - 1e-5) / (9e-5 / 31)
    np.testing.assert_allclose(level, np.round(level), atol=1e-3)  # single precision
    assert np.any(weight != np.asarray(model.parameters["weights"]["hidden-out"]))
    with pytest.raises(NetworkError, match="a checkpoint of another training"):
        train(model, samples, replace(how, seed=1), validation=samples, checkpoint=path)
    with lock_file(path), pytest.raises(OutputError, match="another run is writing"):
        train(model, samples, how, validation=samples, checkpoint=path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(NetworkError, match="damaged, or no checkpoint"):
        train(model, samples, how, validation=samples, checkpoint=path)


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("by", ["first-spike", "membrane"])
def test_the_engine_classifies_with_full_physics(model, samples, by):
    classes, notes = classify_in_full(quiet(model), samples, output="out", batch=24, by=by)
    reduced = model.classify(model.parameters, samples, output="out", by=by)
    assert classes.shape == reduced.shape == (24,)
    # Times within two steps, as above: classes differ only where two outputs are closer than that.
    assert np.mean(classes == reduced) > 0.8
    assert not notes


def test_a_clock_fires_in_every_sample_once_from_each_of_its_sources():
    s = latency_samples(
        np.array([[1.0, 0.5], [0.0, 1.0]]), np.array([0, 1]), interval=4e-3, duration=9e-3, clock=5e-3, clocks=2
    )  # fmt: skip
    assert s.sources == 4
    trains = sorted(zip(s.sample.tolist(), s.source.tolist(), s.time.tolist()))
    assert trains == [
        (0, 0, 0.0),
        (0, 1, 2e-3),
        (0, 2, 5e-3),
        (0, 3, 5e-3),
        (1, 1, 0.0),
        (1, 2, 5e-3),
        (1, 3, 5e-3),
    ]


def test_the_output_that_decides():
    counts, first = np.array([[1.0, 3, 0], [0, 0, 0]]), np.array([[1.0, 2, 9], [9, 9, 9]])
    filament = np.array([[0.1, 0.2, 0.3], [0.0, 0.1, 0.0]])
    for by, classes in (("first-spike", [0, -1]), ("rate", [1, -1]), ("membrane", [2, 1])):
        np.testing.assert_array_equal(winners(counts, first, filament, 9.0, by=by), classes)
    with pytest.raises(NetworkError, match="by = 'nosuch'"):
        winners(counts, first, filament, 9.0, by="nosuch")


def test_a_wrong_decision_is_refused_before_anything_runs(model, samples, monkeypatch):
    monkeypatch.setattr("memjax.learning.full_physics.run", None)
    monkeypatch.setattr(model, "_evaluate", None)
    with pytest.raises(NetworkError, match="by = 'nosuch'"):
        classify_in_full(network("float32"), samples, output="out", by="nosuch")
    with pytest.raises(NetworkError, match="by = 'nosuch'"):
        model.classify(model.parameters, samples, output="out", by="nosuch")


@pytest.mark.wrong_types
def test_samples_that_are_wrong_keep_their_say_where_most_are_right():
    # Three samples are right and have short derivatives; that of the wrong one is as long as its error says.
    losses = jnp.array([0.01, 0.01, 0.01, 3.0])
    slope = _shortened_mean({"w": -jnp.expm1(-losses)[:, None]}, losses)["w"]
    np.testing.assert_allclose(slope, jnp.mean(-jnp.expm1(-losses)), rtol=1e-6)
    # One that is a hundred times as long beside its error counts as long as the median.
    outlier = jnp.array([[1.0], [1.0], [1.0], [100.0]])
    equal = _shortened_mean({"w": outlier}, jnp.full(4, 3.0))["w"]
    np.testing.assert_allclose(equal, 1.0, rtol=1e-6)


@pytest.mark.study
@pytest.mark.parametrize(
    ("loss", "pulses"), [("first-spike", False), ("membrane", False), ("rate", True)]
)
def test_networks_learn_with_every_loss(loss, pulses):
    """Three classes by which of eight pixels are bright; with pulses every 2.5 ms neurons fire several times."""
    rng = np.random.default_rng(0)
    net = network("float32")
    labels = np.arange(192) % CLASSES
    pixels = 0.5 * (np.arange(INPUTS) % CLASSES == labels[:, None]) + rng.uniform(
        0, 0.5, (192, INPUTS)
    )
    receptor = Receptor(width=1.5e-3) if pulses else Receptor(tau=20e-3)
    clock_push = np.vstack(
        [
            rng.normal(0.02, 0.3, (INPUTS, HIDDEN * 4)),
            np.full((1, HIDDEN * 4), 1.2 if pulses else 1.0),
        ]
    )
    neurons = dict(spike=net.groups[1].spike, bias=0.5 if pulses else 0.9)
    circuit = (
        mj.params.replace(net.groups[1].circuit, {"r_c.r": 5e7})
        if pulses
        else net.groups[1].circuit
    )
    net = Network(
        groups=[
            SpikeList(name="pixels", n=INPUTS + 1, source=np.zeros(0, int), time=np.zeros(0)),
            Neurons(name="hidden", n=HIDDEN * 4, circuit=circuit, **neurons),
            Neurons(name="out", n=CLASSES, circuit=circuit, **neurons),
        ],
        projections=[
            Projection(
                pre="pixels", post="hidden", edges=dense(INPUTS + 1, HIDDEN * 4), receptor=receptor, delay=DT,
                weight=clock_push.ravel(),
            ),
            Projection(
                pre="hidden", post="out", edges=dense(HIDDEN * 4, CLASSES), receptor=receptor, delay=DT,
                weight=rng.normal(0.2 if pulses else 0.1, 0.2, HIDDEN * 4 * CLASSES),
            ),
        ],
        dt=2e-7,
    )  # fmt: skip
    every = 2.5e-3 * np.arange(5) if pulses else np.zeros(1)
    s = latency_samples(
        pixels,
        labels,
        interval=2e-3 if pulses else 3e-3,
        duration=3e-3,
        clock=0.0 if pulses else 3e-3,
        darkest=0.5 if pulses else 0.05,
    )
    repeat = lambda x: np.tile(x, len(every))  # noqa: E731
    parts = [
        replace(
            s, source=repeat(s.source[of]), sample=repeat(s.sample[of]) - first, labels=labels[first : first + n],
            time=(s.time[of] + every[:, None]).ravel(), duration=13e-3 if pulses else 6e-3,
        )
        for first, n in ((0, 128), (128, 64))
        for of in [(s.sample >= first) & (s.sample < first + n)]
    ]  # fmt: skip
    how = Training(
        output="out",
        loss=loss,
        epochs=8,
        batch=16,
        learning_rate=0.02,
        scale=3.0 if loss == "first-spike" else 1.0,
    )
    trained = train(SpikingNetwork(net, dt=DT, stretches=2), parts[0], how, validation=parts[1])
    # Chance is 1/3 with a standard deviation of 0.06 of 64 samples; four of them above it.
    assert max(h["validation"] for h in trained.history) > 1 / 3 + 4 * 0.06


@pytest.mark.integration
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(output="nosuch"), "output = 'nosuch'"),
        (dict(loss="nosuch"), "loss = 'nosuch'"),
        (dict(conductances={"nosuch": Conductances(low=1e-5, high=1e-4, scale=1.0)}), "no nosuch"),
        (dict(epochs=0), "epochs = 0"),
    ],
)
def test_wrong_trainings_are_refused(model, samples, change, message):
    with pytest.raises(NetworkError, match=message):
        train(model, samples, Training(**{"output": "out"} | change))


def test_wrong_samples_and_devices_are_refused(model, samples):
    with pytest.raises(NetworkError, match="patience without a validation"):
        train(model, samples, Training(output="out", patience=2))
    with pytest.raises(NetworkError, match="brightness from"):
        latency_samples(np.full((2, 3), 2.0), np.zeros(2, int), interval=1e-3, duration=2e-3)
    with pytest.raises(NetworkError, match="labels up to 7"):
        train(model, replace(samples, labels=np.full(24, 7)), Training(output="out"))
    with pytest.raises(NetworkError, match="0 < low < high"):
        Conductances(low=1e-4, high=1e-5, scale=1.0)
