"""Presets of measured devices, made anew of public data.

``python -m benchmarks.cases.any_device.measured FOLDER [NAME ...]`` fits the sets of `DEVICES` that it names, all by
default, in the folder of data that the variable MEMJAX_DATA names, and writes a preset of each that is good or usable.
FOLDER keeps the fits: one that is there already is taken as it is.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.cases.device_fits.settings import DATA
from memjax.cli import main
from memjax.core.params import to_dict
from memjax.models import model

PRESETS = Path(sys.modules["memjax"].__file__ or "").parent / "presets"

DIGITS = 4
"""Digits of a value: more than any of them is known to."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A measured device and the fit that makes a preset of it.

    Parameters
    ----------
    files : tuple of str
        Files in the folder of the data.
    options : tuple of str
        Options of the command that fits them.
    title, doi, source, not_claimed
        See `memjax.presets.Info`.
    bench : dict of str to (float, str)
        What stood around the device, with units.
    """

    files: tuple[str, ...]
    options: tuple[str, ...] = ()
    title: str
    doi: str = ""
    source: str
    not_claimed: tuple[str, ...]
    bench: Mapping[str, tuple[float, str]] = field(default_factory=dict)


_LEARNED = "Voltages beyond those of the data; other temperatures; noise and the spread from cycle to cycle."

_SCALED = "Radius_10_um__0{}_AG_2020_03_12_DG01_3A_IV_probestation_2wire_back_grounded_p1V_m{}V_10mVsteps.csv"

DEVICES = {
    "hybrid/nb-sto": Device(
        files=("clean/sto_nb_iv_old_device.csv",),
        title="A Nb:SrTiO3 interface of the University of Groningen, loops of 1 V to -4 V",
        source="https://github.com/thomastiotto/Memristor-Models (raw_data/Old device)",
        not_claimed=(
            _LEARNED,
            "Branches that the loops do not show: the conductance when off above 0.3 V, rates of set below -2 V.",
            "Other speeds: all loops took 20 mV in 0.3 s.",
        ),
    ),
    "hybrid/nb-sto-10um": Device(
        files=tuple(
            f"raw/sto_nb_iv_timed/{_SCALED.format(*x)}" for x in ((35, 2), (36, 3), (37, 4))
        ),
        options=("--points", "110"),
        title="A Nb:SrTiO3 interface of 10 um radius (3A) of the University of Groningen, loops to -2, -3 and -4 V",
        source="https://github.com/thomastiotto/Memristor-Models (raw_data/Scaling device)",
        not_claimed=(
            _LEARNED,
            "Other speeds: all loops took 10 mV in 83 ms.",
            "Differences from loop to loop: each is taken to begin in one state, and to conduct alike when on.",
        ),
    ),
    "threshold-switch/vo2-galloni2024": Device(
        files=("clean/vo2_iv_sweep.csv",),
        title="A vanadium dioxide switch at 68.5 C, one sweep of 21 V in 70 s",
        doi="10.1073/pnas.2318362121",
        source="https://github.com/Milstein-Lab/neuromorphic-btsp (data/VO2_data_RvsV_transition.csv)",
        not_claimed=(
            "Physics of the transition: off resistance that falls with the voltage, heat, loops within the hysteresis.",
            "Another temperature, or a faster sweep: tau and w describe this one.",
        ),
    ),
    "diffusive/usc-symmetric": Device(
        files=("clean/usc_diffusive_dc_symmetric.csv",),
        options=("--point-time", "0.01"),
        title="A diffusive memristor of the University of Southern California, sweeps of 0.6 V to either side",
        source="https://github.com/yanglab2021/DiffusiveMemristor (Result/Data)",
        not_claimed=(
            "Times: 10 ms a point are assumed, the file has none.",
            "Noise and the spread from cycle to cycle: the medians of the sweeps were fitted.",
            "Currents above the limit of 1 uA.",
        ),
        bench={"point_time": (0.01, "s"), "compliance": (1e-6, "A")},
    ),
}
"""Public sets by the name of the preset, ``MODEL/NAME``."""


def command_of(name: str) -> list[str]:
    """Words of the command that fits a device, beside where the fit goes."""
    device = DEVICES[name]
    return ["fit", *device.files, "--model", name.split("/")[0], *device.options]


def text_of(name: str, content: Mapping[str, Any]) -> str:
    """The preset of a device as TOML, of the content of its ``fit.json``."""
    device, verdict = DEVICES[name], content["verdict"]
    if verdict["word"] not in ("good", "usable"):
        raise ValueError(f"{name}: {verdict['word']}, {verdict['reason']}")
    words = [
        json.dumps(x) if " " in x else x for x in ["memjax", *command_of(name), "--out", "fit"]
    ]
    lines = [
        f"model = {json.dumps(name.split('/')[0])}",
        f"title = {json.dumps(device.title)}",
        f"doi = {json.dumps(device.doi)}",
        f"source = {json.dumps(device.source)}",
        f"obtained = {json.dumps(_obtained(content))}",
        f"verdict = {json.dumps(verdict['word'])}",
        f"residual = {_number(verdict['deviation'], 2)}",
        f"command = {json.dumps(' '.join(words))}",
        "not_claimed = [",
        *(f"    {json.dumps(x)}," for x in _claims(device, content)),
        "]",
        "",
        "[parameters]",
        *_rows(name, content),
    ]
    if device.bench:
        lines += ["", "[bench]"]
        lines += [
            f"{n} = {{ value = {x:g}, unit = {json.dumps(unit)} }}"
            for n, (x, unit) in device.bench.items()
        ]
    return "\n".join(lines) + "\n"


def _obtained(content: Mapping[str, Any]) -> str:
    """How the values were obtained, in a sentence."""
    return (
        f"Fitted by memjax to {content['n_points']} points; low and high are the ends of 90 % bands. "
        f"Verdict: {content['verdict']['word']}, {content['verdict']['reason']}."
    )


def _claims(device: Device, content: Mapping[str, Any]) -> list[str]:
    """What a preset does not claim, with the parameters that the data leave open."""
    free = [n for n in content["undetermined"] if content["parameters"].get(n, {}).get("free")]
    claims = [*device.not_claimed]
    claims += [f"Values that the data do not determine: {', '.join(free)}."] * bool(free)
    if content["bench"]["reversed"]:
        claims.append("The polarity: the device stands reversed, and sees the opposite voltage.")
    return claims


def _rows(name: str, content: Mapping[str, Any]) -> list[str]:
    """Rows of the values that were fitted or are not the model's defaults."""
    defaults = to_dict(model(name.split("/")[0]))
    intervals = content["uncertainty"]["intervals"]
    rows = []
    for key, row in content["parameters"].items():
        value, ends = row["value"], intervals.get(key)
        if value is None or not (row["free"] or value != defaults.get(key)):
            continue
        band = ""
        if ends and None not in ends:
            band = f", low = {_number(ends[0])}, high = {_number(ends[-1])}"
        rows.append(
            f"{key} = {{ value = {_number(value)}, unit = {json.dumps(row['unit'])}{band} }}"
        )
    settings = {n: x for n, x in content["settings"].items() if x != defaults.get(n)}
    return rows + [f'{n} = {{ value = {json.dumps(x)}, unit = "1" }}' for n, x in settings.items()]


def _number(x: float, digits: int = DIGITS) -> str:
    """A number as TOML reads it back as one with a point."""
    return repr(float(f"{x:.{digits}g}"))


def make(name: str, folder: Path) -> Path:
    """Fit a device where `folder` has no fit of it, and write its preset; the file.

    Raises
    ------
    ValueError
        If the fit is poor: such a device is no preset.
    """
    place = folder / name.replace("/", "-")
    if not (place / "fit.json").exists():
        words = [str(DATA / x) if x in DEVICES[name].files else x for x in command_of(name)]
        if status := main([*words, "--out", str(place)]):
            raise ValueError(f"{name}: memjax fit ended with {status}")
    file = PRESETS / f"{name}.toml"
    content = json.loads((place / "fit.json").read_text(encoding="utf-8"))
    file.write_text(text_of(name, content), encoding="utf-8")
    return file


def run(words: list[str]) -> int:
    """Make the presets that are named, and say which are none; the exit status."""
    failed = 0
    for name in words[1:] or DEVICES:
        try:
            print(make(name, Path(words[0])), flush=True)
        except (ValueError, KeyError) as error:
            failed += 1
            print(f"no preset: {error}", file=sys.stderr, flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
