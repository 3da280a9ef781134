"""Names that are imported at their first use."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from memjax.runtime.lazy import deferred, deferred_functions

PACKAGES = ("memjax", "memjax.data", "memjax.datasets", "memjax.observables", "fitting")


@pytest.mark.integration
@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_of_a_stub_is_there_and_listed(name):
    package = import_module(name)
    stub = Path(package.__file__).with_suffix(".pyi").read_text("utf8")
    assert stub.count(" as ") == len(package._homes) > 0
    assert {n for n, home in package._homes.items() if getattr(package, n) is None} == set()
    assert set(package._homes) <= set(dir(package))


@pytest.mark.slow
def test_a_module_of_a_package_is_an_attribute_and_what_is_none_an_error():
    program = """
import memjax, sys
assert "jax" not in sys.modules and "numpy" not in sys.modules
import memjax.simulate.adaptive, memjax.core.expected
print(memjax.simulate.__name__, memjax.expected.__name__, memjax.errors.__name__, memjax.noise.__name__)
from memjax import simulate
print(callable(simulate), callable(memjax.simulate), "errors" in dir(memjax), hasattr(memjax, "nothing"))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    words = "simulate expected memjax.errors memjax.noise\nTrue True True False"
    assert (run.stdout.strip(), run.returncode) == (words, 0), run.stderr


def test_a_deferred_function_is_that_of_its_module():
    assert deferred("math:sqrt")(4.0) == 2.0
    assert deferred("json:dumps")({}, indent=1) == "{}"


def test_deferred_functions_are_named_without_their_prefix():
    functions = deferred_functions("math", "sqrt", "prod", prefix="i")
    assert list(functions) == ["sqrt", "prod"]
    assert functions["sqrt"](17) == 4
