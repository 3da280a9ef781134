"""Training of networks of one-memristor neurons: scores, conductances within their range, epochs, checkpoints."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..errors import FitError, NetworkError
from ..network import Network
from ..network.digest import Digest
from ..runtime.cores import usable_cores
from ..runtime.files import lock_file, remove_temporaries, writing
from ..runtime.flags import check_flags
from .samples import Samples
from .spiking import Outputs, Parameters, SpikingNetwork

_NOISE, _SPREAD, _PROGRAM = 1, 2, 3
"""What a random number is for."""

_PART = 8
"""Samples of a batch that are solved together at most."""


def _part_size(batch: int) -> int:
    """Into what equal parts a batch is divided, which run beside each other.

    A loop over small arrays keeps one core busy and its arrays stay near it. The size does not depend on the
    machine, since vectors of another length round otherwise.
    """
    size = max(k for k in range(1, _PART + 1) if batch % k == 0)
    return size if 2 * size >= _PART else batch


def _lateness(outputs: Outputs, duration: float) -> Float[Array, "batch neurons"]:
    """Times of first spikes over the duration, with the derivatives of the neuron's own equations.

    An output that does not fire counts as one that fires after the end, the later the wider its gap stayed.
    """
    silent = 1 + jnp.maximum(outputs.gap, 0.0)
    return jnp.where(outputs.first < duration, outputs.first / duration, silent)


def rate_scores(outputs: Outputs, duration: float) -> Float[Array, "batch neurons"]:
    """Numbers of spikes, and how early the first one is: the right output shall fire most.

    Derivatives are those of the first spikes only. A neuron under a stronger input may fire less often, since its
    gate no longer falls below the level, and derivatives of soft spikes then point the wrong way.
    """
    return jax.lax.stop_gradient(outputs.counts) - 4 * _lateness(outputs, duration)


def first_spike_scores(outputs: Outputs, duration: float) -> Float[Array, "batch neurons"]:
    """Times of the first spikes, ten to a duration: the right output shall fire first."""
    return -10 * _lateness(outputs, duration)


def membrane_scores(outputs: Outputs, duration: float) -> Float[Array, "batch neurons"]:
    """Means of the filaments over time, in fiftieths of the gap: the right output shall grow most."""
    return 50 * outputs.filament


SCORES: dict[str, Callable] = {
    "rate": rate_scores,
    "first-spike": first_spike_scores,
    "membrane": membrane_scores,
}
"""Scores of the classes by the name of the loss, which is their cross entropy with the labels."""

_SILENCE = {"first-spike": -10.0}
"""Score of no answer: a class that is never right, so that the right output has to fire before the end."""


@dataclass(frozen=True, kw_only=True)
class Conductances:
    """Weights as conductances of drift memristors: weight = scale (G - reference).

    Parameters
    ----------
    low, high : float
        Range that the devices can be programmed to [S].
    scale : float
        Voltage per conductance [V/S].
    reference : float, optional
        Conductance of the reference [S]; the middle of the range by default.
    levels : int, optional
        Number of levels that can be told apart, evenly over the range; any conductance by default.
    sigma : float
        Standard deviation of the logarithm of the conductance after programming.
    """

    low: float
    high: float
    scale: float
    reference: float | None = None
    levels: int | None = None
    sigma: float = 0.0

    def __post_init__(self):
        fine = 0 < self.low < self.high < np.inf and self.scale > 0 and self.sigma >= 0
        if not fine or (self.levels is not None and self.levels < 2):
            raise NetworkError(
                f"{self}",
                where="Conductances",
                allowed="0 < low < high, scale > 0, sigma >= 0, two levels or more",
            )

    @property
    def zero(self) -> float:
        """Conductance of a weight of 0 [S]."""
        return (self.low + self.high) / 2 if self.reference is None else self.reference

    def clip(self, weight: Array) -> Array:
        """The nearest weights that devices can have."""
        low, high = self.scale * (self.low - self.zero), self.scale * (self.high - self.zero)
        return jnp.clip(weight, low, high)

    def program(self, weight: Array, normal: Array | None = None) -> Array:
        """Weights after programming: on a level, off it by what the normal numbers say.

        Derivatives pass as if there were no levels.
        """
        conductance = self.clip(weight) / self.scale + self.zero
        if self.levels is not None:
            step = (self.high - self.low) / (self.levels - 1)
            nearest = self.low + step * jnp.round((conductance - self.low) / step)
            conductance = conductance + jax.lax.stop_gradient(nearest - conductance)
        if normal is not None and self.sigma > 0:
            conductance = conductance * jnp.exp(self.sigma * normal)
        return self.scale * (conductance - self.zero)


@dataclass(frozen=True, kw_only=True)
class Training:
    """Settings of a training.

    Parameters
    ----------
    output : str
        Group of neurons of which each stands for a class.
    loss : {"first-spike", "rate", "membrane"}
        What decides on the class, see `SCORES`: its cross entropy with the labels is made small.
    scale : float
        By which scores are multiplied.
    epochs : int
        At most.
    batch : int
        Samples of a step; those of an epoch that do not fill a batch are left out, others in each epoch.
    learning_rate : float
        Of Adam [V], on a cosine down to 0 over all epochs.
    activity : float
        Price of a spike of any neuron in a sample: keeps energy and rates low.
    spread : mapping of str to mapping of str to float
        By group: standard deviation of the logarithm of parameters of its circuit, drawn anew for each batch.
    conductances : mapping of str to Conductances
        By projection, where weights are devices.
    train_bias : bool
        Whether the constant input of each neuron is trained too.
    patience : int, optional
        Epochs without a better validation after which the training ends.
    seed : int
        Of order, noise, spread and programming.
    """

    output: str
    loss: str = "first-spike"
    scale: float = 1.0
    epochs: int = 20
    batch: int = 64
    learning_rate: float = 0.005
    activity: float = 0.0
    spread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    conductances: Mapping[str, Conductances] = field(default_factory=dict)
    train_bias: bool = True
    patience: int | None = None
    seed: int = 0

    def __post_init__(self):
        check_flags({"train_bias": self.train_bias}, where="Training")
        if self.loss not in SCORES:
            raise NetworkError(f"loss = {self.loss!r}", where="Training", allowed=", ".join(SCORES))
        if min(self.epochs, self.batch) < 1 or not self.learning_rate > 0:
            raise NetworkError(
                f"epochs = {self.epochs}, batch = {self.batch}, learning_rate = {self.learning_rate:g}",
                where="Training", allowed="1 or more, 1 or more, > 0 V",
            )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedNetwork:
    """Result of a training.

    Parameters
    ----------
    network : Network
        With the weights, as they are programmed but for random errors, and biases of the best epoch.
    parameters : Parameters
        These.
    history : list of dict
        For each epoch: `loss`, `accuracy` of the training's batches, `validation`, the share of right classes.
    best : int
        Number of the best epoch, from 0.
    """

    network: Network
    parameters: Parameters
    history: list[dict[str, float]]
    best: int


def train(
    model: SpikingNetwork,
    samples: Samples,
    training: Training,
    *,
    validation: Samples | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> TrainedNetwork:
    """Train weights and biases of a network.

    Parameters
    ----------
    model : SpikingNetwork
        Where it begins: with the network's own weights and biases.
    samples : Samples
        What is learned.
    training : Training
        How.
    validation : Samples, optional
        What decides on the best epoch; without it the last one is the best.
    checkpoint : str or Path, optional
        File that is written after each epoch. If it exists the training goes on from there, and ends with the
        weights of one that was not interrupted.
    progress : bool
        Whether to show a bar on standard error.

    Raises
    ------
    NetworkError
        For labels that the output has no neurons for, or a checkpoint of another training.
    FitError
        If the loss is no longer finite.
    """
    check_flags({"progress": progress}, where="train")
    _check(model, samples, training)
    if training.patience is not None and validation is None:
        raise NetworkError("patience without a validation", where="train", fix="say validation=...")
    loop = _Loop(model, samples, training, validation)
    if checkpoint is None:
        return _train(loop, loop.begin(), None, progress)
    path = Path(checkpoint)
    with lock_file(path):
        remove_temporaries(path.parent, path.name)
        return _train(loop, loop.load(path) if path.exists() else loop.begin(), path, progress)


def _train(
    loop: "_Loop", state: "_State", checkpoint: Path | None, progress: bool
) -> TrainedNetwork:
    """The epochs that are left, and what they end in."""
    model, training = loop.model, loop.training
    from tqdm.auto import tqdm

    epochs = range(state.epoch, training.epochs)
    bar = tqdm(epochs, desc="training", unit="epoch", leave=False, disable=not progress)
    for epoch in bar:
        if loop.is_over(state, epoch):
            break
        state = loop.epoch(state, epoch)
        bar.set_postfix({k: f"{x:.3g}" for k, x in state.history[-1].items()})
        if checkpoint is not None:
            loop.save(checkpoint, state)
    parameters = loop.program_weights(state.best)
    return TrainedNetwork(
        network=model.to_network(parameters),
        parameters=parameters,
        history=state.history,
        best=state.best_epoch,
    )


def _check(model: SpikingNetwork, samples: Samples, training: Training) -> None:
    """Refuse what cannot be trained."""
    if training.output not in model.groups:
        raise NetworkError(
            f"output = {training.output!r}", where="Training", allowed=", ".join(model.groups)
        )
    n, most = model.groups[training.output].n, int(np.max(samples.labels, initial=0))
    if most >= n or samples.sources != model.source.n:
        raise NetworkError(
            f"labels up to {most} and {samples.sources} sources", where="train",
            allowed=f"labels below {n} and {model.source.n} sources",
        )  # fmt: skip
    unknown = sorted({*training.conductances} - {p.name for p in model.network.projections})
    unknown += sorted({*training.spread} - {*model.groups})
    if unknown:
        raise NetworkError(f"no {', '.join(unknown)} in the network", where="Training")


@dataclass
class _State:
    """A training after some epochs."""

    epoch: int
    parameters: Parameters
    optimizer: Any
    best: Parameters
    best_epoch: int
    history: list[dict[str, float]]


def _shortened_mean(slopes: Parameters, losses: Float[Array, " batch"]) -> Parameters:
    """Mean of the derivatives of the samples of a batch, outliers shortened.

    The time at which a neuron fires that hardly fires at all has a derivative without bound. A sample whose
    derivative is longer, beside the error 1 - p of the right class, than the median of its batch counts as if it
    were the median: so that samples that are wrong keep their say where most are right.
    """
    leaves = jax.tree.leaves(slopes)
    norms = jnp.sqrt(sum(jnp.sum(x**2, axis=tuple(range(1, x.ndim))) for x in leaves))
    ratios = norms / jnp.maximum(-jnp.expm1(-losses), 1e-6)
    weight = jnp.minimum(1.0, jnp.median(ratios) / jnp.where(ratios > 0, ratios, 1.0))
    return jax.tree.map(lambda x: jnp.einsum("b,b...->...", weight, x) / len(x), slopes)


class _Loop:
    """Epochs of one training."""

    def __init__(
        self,
        model: SpikingNetwork,
        samples: Samples,
        training: Training,
        validation: Samples | None,
    ):
        self.model, self.samples, self.training, self.validation = (
            model,
            samples,
            training,
            validation,
        )
        self.steps = max(1, len(samples) // training.batch)
        schedule = optax.cosine_decay_schedule(training.learning_rate, training.epochs * self.steps)
        self.optimizer = optax.adam(schedule)
        self.parts = training.batch // _part_size(training.batch)
        self._slopes = jax.jit(self.slopes)
        self._step = jax.jit(self._update)
        self.is_compiled = False

    def begin(self) -> _State:
        """Before the first epoch."""
        parameters = self.model.parameters
        return _State(0, parameters, self.optimizer.init(parameters), parameters, 0, [])

    def is_over(self, state: _State, epoch: int) -> bool:
        """Whether the validation has not become better for too long."""
        patience = self.training.patience
        return patience is not None and epoch - state.best_epoch > patience

    def epoch(self, state: _State, number: int) -> _State:
        """The training after one more epoch; its random numbers depend on the seed and its number only."""
        t = self.training
        order = np.random.default_rng([t.seed, number]).permutation(len(self.samples))
        parameters, optimizer, losses, right = state.parameters, state.optimizer, [], []
        for k in range(self.steps):
            members = order[k * t.batch : (k + 1) * t.batch]
            at = np.uint32(number * self.steps + k)
            parameters, optimizer, loss, share = self.step(parameters, optimizer, members, at)
            losses.append(float(loss))
            right.append(float(share))
            if not np.isfinite(losses[-1]):
                raise FitError(
                    f"a loss of {losses[-1]}",
                    where=f"epoch {number}, step {k}",
                    fix="a smaller learning_rate",
                )
        record = {"loss": float(np.mean(losses)), "accuracy": float(np.mean(right))}
        history = [*state.history, record]
        best, best_epoch = parameters, number
        if self.validation is not None:
            options: Any = dict(output=t.output, by=t.loss, seed=t.seed)
            classes = self.model.classify(
                self.program_weights(parameters), self.validation, **options
            )
            record["validation"] = float(np.mean(classes == self.validation.labels))
            earlier = [h["validation"] for h in state.history]
            if earlier and record["validation"] <= max(earlier):
                best, best_epoch = state.best, state.best_epoch
        return _State(number + 1, parameters, optimizer, best, best_epoch, history)

    def step(self, parameters: Parameters, optimizer, members: np.ndarray, at):
        """One step of the optimizer on some samples: parameters, its state, mean loss, share of right classes."""
        labels = np.asarray(self.samples.labels)

        def part(numbers):
            inputs = self.samples.spikes(members[numbers], self.model.dt)
            return self._slopes(parameters, inputs, labels[members[numbers]], at, numbers)

        numbers = np.split(np.arange(len(members)), self.parts)
        # The first part alone the first time: threads that begin together would each compile the program.
        first = [] if self.is_compiled else [part(numbers[0])]
        self.is_compiled = True
        with ThreadPoolExecutor(min(self.parts, usable_cores())) as pool:
            results = first + list(pool.map(part, numbers[len(first) :]))
        return self._step(parameters, optimizer, results)

    def _update(self, parameters, optimizer, results):
        """The change by the optimizer, of the derivatives of the parts of a batch."""
        loss, share, slopes = jax.tree.map(lambda *x: jnp.concatenate(x), *results)
        slope = _shortened_mean(slopes, loss)
        if not self.training.train_bias:
            slope["bias"] = jax.tree.map(jnp.zeros_like, slope["bias"])
        # The schedule multiplies its count of steps, a whole number.
        with jax.numpy_dtype_promotion("standard"):
            change, optimizer = self.optimizer.update(slope, optimizer, parameters)
        updated: Any = optax.apply_updates(parameters, change)
        for name, devices in self.training.conductances.items():
            updated["weights"][name] = devices.clip(updated["weights"][name])
        return updated, optimizer, loss.mean(), share.mean()

    def slopes(
        self, parameters: Parameters, inputs, labels, at, numbers
    ) -> tuple[Array, Array, Parameters]:
        """Loss of each sample, whether its class is right, and the derivative of its loss.

        Parameters
        ----------
        parameters : Parameters
            Weights and biases.
        inputs : tuple of Float[Array, "steps samples sources"]
            Spikes that go in.
        labels : Int[Array, "samples"]
            Classes.
        at : int
            Number of the step of the optimizer, and
        numbers : Int[Array, "samples"]
            numbers of the samples within it: of the noise.
        """
        # By the number of the step, so that a training that goes on draws what it would have drawn.
        key = jax.random.fold_in(jax.random.key(self.training.seed), at)
        one = jax.value_and_grad(self.loss, has_aux=True)
        per_sample = jax.vmap(one, in_axes=(None, 1, 0, None, 0))
        (loss, share), slopes = per_sample(parameters, inputs, labels, key, numbers)
        return loss, share, slopes

    def loss(self, parameters: Parameters, inputs, label, key, number=0) -> tuple[Array, Array]:
        """Loss of one sample, and whether its class is right."""
        t = self.training
        # 31 bits, so that two samples hardly ever have one seed.
        noise_key = jax.random.fold_in(jax.random.fold_in(key, _NOISE), number)
        seed = (jax.random.bits(noise_key, (), jnp.uint32) >> 1).astype(jnp.int32)
        used = self.program_weights(parameters, jax.random.fold_in(key, _PROGRAM))
        factors = self._factors(jax.random.fold_in(key, _SPREAD))
        outputs = self.model.outputs(used, tuple(x[:, None] for x in inputs), seed, factors)
        scores = t.scale * SCORES[t.loss](outputs[t.output], self.samples.duration)[0]
        # No answer is a class that is never right: else all outputs would do best to stay silent together.
        none = [jnp.full(1, t.scale * _SILENCE[t.loss], scores.dtype)] if t.loss in _SILENCE else []
        against = jnp.concatenate([scores, *none])
        loss = optax.softmax_cross_entropy_with_integer_labels(against, label)
        spikes: Any = sum(x.counts.sum() for x in outputs.values())
        return loss + t.activity * spikes, (jnp.argmax(scores) == label).astype(loss.dtype)

    def _factors(self, key) -> dict[str, dict[str, Array]]:
        """Return the factors by which parameters differ from neuron to neuron."""
        factors: dict[str, dict[str, Array]] = {}
        for group, sigmas in self.training.spread.items():
            for name, sigma in sigmas.items():
                key, subkey = jax.random.split(key)
                z = jax.random.normal(
                    subkey, (self.model.groups[group].n,), self.model.network.dtype
                )
                factors.setdefault(group, {})[name] = jnp.exp(sigma * z)
        return factors

    def program_weights(self, parameters: Parameters, key: Any = None) -> Parameters:
        """Weights as they are after programming: on their levels, and with random errors where there is a key."""
        weights = dict(parameters["weights"])
        for k, (name, devices) in enumerate(self.training.conductances.items()):
            w = weights[name]
            error_key = None if key is None else jax.random.fold_in(key, k)
            normal = None if error_key is None else jax.random.normal(error_key, w.shape, w.dtype)
            weights[name] = devices.program(w, normal)
        return {**parameters, "weights": weights}

    @cached_property
    def digest(self) -> str:
        """Digest of the training that a checkpoint has to belong to."""
        m, s = self.model, self.samples
        content = {
            "network": m.network.digest(), "training": repr(self.training), "dt": m.dt, "noise": m.noise,
            "spikes": m.spikes, "time": s.time, "source": s.source, "sample": s.sample, "labels": s.labels,
        }  # fmt: skip
        return Digest().add(content).word()

    def save(self, path: Path, state: _State) -> None:
        """Write a checkpoint: whole, or not at all."""
        leaves = jax.tree.leaves((state.parameters, state.optimizer, state.best))
        arrays: Any = {f"leaf{k}": np.asarray(x) for k, x in enumerate(leaves)}
        names = list(state.history[0])
        table = np.array([[h[n] for n in names] for h in state.history])
        with writing(path) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                digest=self.digest,
                epoch=state.epoch,
                best=state.best_epoch,
                names=names,
                history=table,
                **arrays,
            )

    def load(self, path: Path) -> _State:
        """Read a checkpoint.

        Raises
        ------
        NetworkError
            If it is damaged, or of another training.
        """
        start = self.begin()
        leaves, structure = jax.tree.flatten((start.parameters, start.optimizer, start.best))
        try:
            with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = dict(file)
            is_same_training = str(arrays["digest"]) == self.digest
            read = [arrays[f"leaf{k}"] for k in range(len(leaves))]
            history = [
                dict(zip(map(str, arrays["names"]), map(float, row))) for row in arrays["history"]
            ]
            epoch, best = int(arrays["epoch"]), int(arrays["best"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise NetworkError(
                f"damaged, or no checkpoint ({error})", where=str(path), fix="remove it"
            ) from error
        if not is_same_training:
            raise NetworkError(
                "a checkpoint of another training", where=str(path),
                allowed="one of the same network, samples and options",
                fix="another file, or remove it",
            )  # fmt: skip
        parameters, optimizer, best_parameters = jax.tree.unflatten(
            structure, [jnp.asarray(x) for x in read]
        )
        return _State(epoch, parameters, optimizer, best_parameters, best, history)
