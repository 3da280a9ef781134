"""What stands in lowered programs (StableHLO as text): host transfers, precision, collectives, donated buffers."""

import re

_TRANSFER = r"stablehlo\.(?:infeed|outfeed|send|recv)\b"
_CALL = r"stablehlo\.custom_call @([\w.]+)"
_OWN = re.compile(r"Sharding|SPMD|cu[A-Z_\d]|cu(blas|dnn|fft|solver|sparse)|mhlo\.|chlo\.")
"""Calls that XLA and the libraries of an accelerator answer themselves."""

_BITS = {"f64": 64, "i64": 64, "ui64": 64, "f32": 32, "i32": 32, "ui32": 32, "i1": 8}


def lowered(function, *arguments, platform="cuda"):
    """The program of a jitted function for a platform that need not be there."""
    return function.trace(*arguments).lower(lowering_platforms=(platform,)).as_text()


def host_transfers(text):
    """What a program sends to the host, or calls that is not on the accelerator: Python, or a kernel of ours."""
    calls = [name for name in re.findall(_CALL, text) if not _OWN.match(name)]
    return re.findall(_TRANSFER, text) + calls


def double_precision(text):
    """Where a program holds more than single precision: arrays, arguments and what is carried; numbers made wider.

    Constants are none: Python's numbers stand in the text as they are, and the compiler narrows them.
    """
    arrays = re.findall(r"tensor<[\dx]+xf64>", text)
    wider = re.findall(r"stablehlo\.convert .*-> tensor<f64>", text)
    carried = [x for x in text.splitlines() if "stablehlo.while" in x and "f64" in x]
    (main,) = re.findall(r"func\.func public @main\((.*)", text)
    return arrays + wider + carried + re.findall("tensor<f64>", main)


def donated(text):
    """Types of the arguments whose memory a program takes for its results."""
    (main,) = re.findall(r"func\.func public @main\((.*)", text)
    arguments = re.split(r"%arg\d+: ", main)[1:]
    marks = ("tf.aliasing_output", "jax.buffer_donor")
    return [re.match(r"tensor<([\w]+)>", x)[1] for x in arguments if any(m in x for m in marks)]


def size_of(types):
    """Bytes of types as ``4x512xf32``."""
    total = 0
    for word in types:
        *shape, kind = word.split("x")
        count = 1
        for n in shape:
            count *= int(n)
        total += count * _BITS[kind] // 8
    return total


def collectives(text):
    """Bytes of the results of all-gathers, and of all-reduces but for those of a least number."""
    gathers = re.findall(r'"stablehlo\.all_gather".*-> tensor<(\w+)>', text)
    reduces = re.findall(
        r'"stablehlo\.all_reduce"[^\n]*\n[^\n]*\n\s+%\d+ = stablehlo\.(\w+)[^\n]*\n[^\n]*\n[^\n]*-> tensor<(\w+)>',
        text,
    )
    return size_of(gathers), size_of(kind for how, kind in reduces if how != "minimum")
