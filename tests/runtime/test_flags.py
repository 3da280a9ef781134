"""Flags are true or false, and numbers are numbers: words and text that would count as either are refused."""

import importlib
import inspect

import numpy as np
import pytest

import fitting
import memjax as mj
from memjax.errors import BoundsError, ModelError, StimulusError
from memjax.network.folder_run import FolderSettings
from memjax.runtime.flags import check_flags, is_text
from memjax.solver import SemiImplicitEuler

DRIVE = mj.Sampled(np.array([0.0, 1e-3]), np.array([0.0, 0.1]))
DEVICE = mj.Vteam()

PACKAGES = (
    "circuit",
    "data",
    "datasets",
    "export",
    "learning",
    "network",
    "observables",
    "core.params",
    "plot",
    "testing",
)
"""Whose public functions are called with words in the place of their flags."""

INNER = {"replace_values", "switching_of", "estimate", "assemble", "from_bytes"}
"""Functions that public ones call, after a check of their own."""


def _functions():
    """Public functions, and the flags of each."""
    modules = [mj, fitting, *(importlib.import_module(f"memjax.{n}") for n in PACKAGES)]
    found = {}
    for module in modules:
        for name in getattr(module, "__all__", None) or dir(module):
            f = getattr(module, name)
            about = getattr(f, "__module__", "")
            if (
                not inspect.isfunction(f)
                or name in INNER
                or not about.startswith(("memjax", "fitting"))
            ):
                continue
            for p in inspect.signature(f).parameters.values():
                if p.annotation in (bool, bool | None):
                    found[f"{about}.{name}.{p.name}"] = (f, p.name)
    return found


FUNCTIONS = _functions()


@pytest.mark.wrong_types
@pytest.mark.parametrize("which", FUNCTIONS)
@pytest.mark.parametrize("word", ["False", "no", 0, None])
def test_no_public_function_takes_a_word_for_a_flag(which, word):
    f, flag = FUNCTIONS[which]
    parameters = inspect.signature(f).parameters
    if word is None and parameters[flag].annotation is not bool:
        pytest.skip("None is the default")
    needed = {
        n: None
        for n, p in parameters.items()
        if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    by_place = [None for n in needed if parameters[n].kind == parameters[n].POSITIONAL_ONLY]
    with pytest.raises(BoundsError, match=rf"^{flag} = {word!r}; in .*; allowed: True or False$"):
        f(*by_place, **needed | {flag: word})


def test_functions_with_flags_were_met():
    wanted = {
        "memjax.simulate.simulation.simulate.deterministic",
        "memjax.simulate.simulation.simulate_like.limited",
        "memjax.network.simulation.run.energy",
    }
    assert wanted <= set(FUNCTIONS)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("make", "flag"),
    [
        (lambda x: mj.Bench(reversed=x), "reversed"),
        (lambda x: mj.Stiff(single_precision=x), "single_precision"),
        (lambda x: mj.Fixed(1e-3, single_precision=x), "single_precision"),
        (lambda x: mj.Conditions(carry_state=x), "carry_state"),
        (lambda x: mj.Output(progress=x), "progress"),
        (lambda x: FolderSettings(resume=x), "resume"),
        (lambda x: SemiImplicitEuler(damped=x), "damped"),
        (lambda x: mj.Event("i", 1e-6, modulus=x), "modulus"),
        (lambda x: mj.Integral("i", modulus=x), "modulus"),
        (lambda x: mj.TimeAbove("i", 1e-6, modulus=x), "modulus"),
        (lambda x: fitting.PulseProblem(None, None, reversed=x), "reversed"),
        (lambda x: fitting.BatchProblem({}, None, out="x", shrink=x), "shrink"),
    ],
)
def test_no_class_takes_a_word_for_a_flag(make, flag):
    with pytest.raises(BoundsError, match=f"{flag} = 'no'"):
        make("no")
    make(np.bool_(True))


@pytest.mark.slow
def test_flags_of_numpy_count():
    check_flags({"a": np.bool_(False), "b": True}, where="here")
    trace = mj.simulate(
        DEVICE,
        DRIVE,
        deterministic=np.bool_(True),
        conditions=mj.Conditions(carry_state=np.bool_(False)),
    )
    assert trace.notes["deterministic"]


TEXTS = ["0.3", b"0.3", ["0.3"], [0.1, "0.2"], np.array(["0.3"]), np.array([0.1, "x"], object)]


@pytest.mark.wrong_types
@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_text_is_no_number(text):
    assert is_text(text)
    with pytest.raises(ModelError, match=r"text.*in place of numbers; in values of 'k_on'"):
        mj.simulate(DEVICE, DRIVE, conditions=mj.Conditions(values={"k_on": text}))
    with pytest.raises(
        ModelError, match=r"k_on = .*, which is text; in params.replace; allowed: numbers"
    ):
        mj.params.replace(DEVICE, {"k_on": text})
    with pytest.raises(ModelError, match=r"x = .*, which is text; in initial"):
        mj.simulate(DEVICE, DRIVE, conditions=mj.Conditions(initial={"x": text}))
    with pytest.raises(StimulusError, match=r"text, .*; in save of simulate"):
        mj.simulate(DEVICE, DRIVE, save=text)


@pytest.mark.parametrize(
    "number", [0.3, 1, [0.1, 0.2], np.array([1, 2]), np.float32(0.3), np.array([0.1, 2], object)]
)
def test_numbers_are_no_text(number):
    assert not is_text(number)
