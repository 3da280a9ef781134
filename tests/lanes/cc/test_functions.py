"""Functions of kernels against those of NumPy, of both precisions."""

import ctypes
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy import special

from memjax.lanes.cc import library

pytestmark = [
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
    pytest.mark.parity,
]

FOLDER = Path(library.__file__).parent

# Name in C and NumPy's function; bounds of the argument; error in units of rounding: those of the operations in it, and
# half a unit for each polynomial.
FUNCTIONS = {
    "exp_of": (np.exp, (-87.0, 88.0), 4),
    "log_of": (np.log, (1e-30, 1e30), 4),
    "expm1_of": (np.expm1, (-3.0, 3.0), 6),
    "log1p_of": (np.log1p, (-0.9, 5.0), 6),
    "tanh_of": (np.tanh, (-12.0, 12.0), 8),
    "sinh_of": (np.sinh, (-70.0, 70.0), 8),
    "cosh_of": (np.cosh, (-70.0, 70.0), 8),
    "logistic_of": (lambda x: 1 / (1 + np.exp(-x)), (-30.0, 30.0), 6),
    "sin_of": (np.sin, (-3.0, 3.0), 4),
    "cos_of": (np.cos, (-1.5, 1.5), 4),
    "erf_of": (lambda x: special.erf(x.astype(float)), (-6.0, 6.0), 6),
    # The square is rounded: half a unit times 25, where it is largest.
    "erfc_of": (lambda x: special.erfc(x.astype(float)), (-5.0, 5.0), 6 + 25 / 2),
    # The error of the logarithm is multiplied by the exponent, 1.5, and by the logarithm itself, up to 35.
    "three_halves": (lambda x: x**1.5, (1e-15, 1e15), 1.5 * 35 * 4),
}
EDGES = {
    "exp_of": ([-1e4, 1e4, np.inf, -np.inf, np.nan], [0.0, np.inf, np.inf, 0.0, np.nan]),
    "log_of": ([0.0, -1.0, np.inf, np.nan], [-np.inf, np.nan, np.inf, np.nan]),
    "expm1_of": ([-1e4, 1e4, 1e-30], [-1.0, np.inf, 1e-30]),
    "three_halves": ([0.0, np.inf], [0.0, np.inf]),
    "log1p_of": ([1e-30], [1e-30]),
    "erf_of": ([-np.inf, np.inf, np.nan, 0.0], [-1.0, 1.0, np.nan, 0.0]),
    "erfc_of": ([-np.inf, np.inf, np.nan, 0.0, 30.0], [2.0, 0.0, np.nan, 1.0, 0.0]),
}


@pytest.fixture(scope="module", params=["float", "double"])
def functions(request, tmp_path_factory):
    """Each function of arrays, of one precision."""
    texts = [(FOLDER / x).read_text() for x in ("prelude.c", f"{request.param}.c", "functions.c")]
    texts.append("INLINE Real three_halves(Real x) { return pow_of(x, (Real)1.5); }")
    texts += [
        f"void all_{n}(const Real *x, Real *y) {{ for (int k = 0; k < 4096; k++) y[k] = {n}(x[k]); }}"
        for n in FUNCTIONS
    ]
    path = tmp_path_factory.mktemp("functions") / f"{request.param}.so"
    flags = [f"-I{jax.ffi.include_dir()}", *library._FLAGS, "-o", str(path)]
    library.call_compiler([str(library.find_compiler()), *flags], "\n".join(texts), 60.0)
    loaded, number = ctypes.CDLL(str(path)), np.dtype(f"f{4 if request.param == 'float' else 8}")

    def call(name, x):
        padded = np.resize(np.asarray(x, number), 4096)
        y = np.empty_like(padded)
        getattr(loaded, f"all_{name}")(
            padded.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p)
        )
        return y[: np.size(x)]

    call.eps, call.number = np.finfo(number).eps, number
    return call


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_those_of_numpy(functions, name):
    f, (low, high), error = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    even = (
        np.exp(rng.uniform(np.log(low), np.log(high), 4096))
        if low > 0
        else rng.uniform(low, high, 4096)
    )
    x = even.astype(functions.number)
    expected = f(x.astype(np.longdouble))
    assert np.max(np.abs(functions(name, x) - expected) / np.abs(expected)) <= error * functions.eps


@pytest.mark.parametrize("name", ["sin_of", "cos_of"])
def test_many_turns_leave_errors_of_rounding(functions, name):
    x = np.random.default_rng(1).uniform(-500.0, 500.0, 4096).astype(functions.number)
    expected = FUNCTIONS[name][0](x.astype(np.longdouble))
    assert np.max(np.abs(functions(name, x) - expected)) <= 2 * functions.eps
    assert np.all(np.isnan(functions(name, [np.inf, -np.inf, np.nan])))


@pytest.mark.parametrize("name", EDGES)
def test_edges(functions, name):
    """Beyond the range of numbers, where there is no value, and where a difference would cancel."""
    x, expected = EDGES[name]
    found = functions(name, x)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, np.asarray(expected, found.dtype), rtol=4 * functions.eps)
