"""The cases: a fit of each kind of data, what fits are combined from, and wrong input of each kind."""

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Case:
    """Commands of ``memjax`` that run one after the other in a folder of their own.

    Parameters
    ----------
    purpose : str
        What the case holds fast.
    inputs : tuple of str
        Names in `tests.golden.inputs.MAKERS`: files that lie in the folder before.
    steps : tuple of tuple of str
        Words of each command, without ``memjax`` in front.
    """

    purpose: str
    inputs: tuple[str, ...] = ()
    steps: tuple[tuple[str, ...], ...]


def _case(purpose: str, *lines: str, inputs: str = "") -> Case:
    return Case(
        purpose=purpose,
        inputs=tuple(inputs.split()),
        steps=tuple(tuple(shlex.split(line)) for line in lines),
    )


_EXAMPLE = "example:diffusive-sweeps"
_LOOPS = "fit loops.csv --model mms --free r_on r_off --fix v_on=0.27 v_off=0.27 x0=0 n=1e6"
_PULSED = "--pulse-voltages 0.3 -0.3 --pulse-widths 2e-5 2e-5 --read-voltage 0.05"
_PULSES = f"fit pulses.csv --model mms --device a {_PULSED}"
_JOINT = "fit one.csv decay.csv --bench bench.toml --model mms --free r_on r_off tau x0 --fix v_on=0.19 v_off=0.17"
_NEURON = "--model 1m1t1r --preset 1m1t1r/zhao2025-table1-noisy --stimulus drive.csv"
_SPIKES = "--spikes gate.v --level 0.22 --rearm 0.15"
_WAFER = "fit wafer --model mms --batch --free r_on r_off --fix tau=1e-4 x0=0 v_on=0.27 v_off=0.27 --chunk 3"

FITS = {
    "sweeps-volatile": _case(
        "Sweeps of a volatile device: the demonstration, four of its sweeps.",
        f"fit {_EXAMPLE} --model diffusive --sweeps 0,1,14,15 --out out",
    ),
    "sweeps-compliance": _case(
        "Sweeps of a non-volatile device under a compliance.",
        "fit limited.csv --model vteam --compliance 3e-4 --free r_on r_off k_on k_off --fix v_on=-0.3 v_off=0.3 x0=1 "
        "--out out",
        inputs="limited",
    ),
    "sweeps-free-bench": _case(
        "A series resistance that is fitted beside the device, from a start that is given, within bounds.",
        f"{_LOOPS} tau=0.02 --free-bench series_resistance --series-resistance 50 --start r_on=1200 "
        "--bounds r_on=100,1e4 --out out",
        inputs="loops",
    ),
    "sweeps-profile": _case(
        "Intervals by profile likelihood.",
        f"{_LOOPS} tau=0.02 --uncertainty profile --out out",
        inputs="loops",
    ),
    "sweeps-nuts": _case(
        "Intervals from draws of the posterior.",
        f"{_LOOPS} tau=0.02 --uncertainty nuts --out out",
        inputs="loops",
    ),
    "sweeps-stochastic": _case(
        "Set and reset files of one device, and the spread of its parameters from cycle to cycle.",
        "fit set.csv reset.csv --model vteam --fix a_on=3 a_off=3 --stochastic --draws 32 --out out",
        inputs="halves",
    ),
    "pulses": _case(
        "Conductances per pulse, the last cycle held out, and what simulates and reports the fit.",
        f"{_PULSES} --hold-out 1 --out out",
        "report out",
        "simulate mms --fit out --like pulses.csv --members 2 --seed 4 --out again.csv",
        inputs="pulses",
    ),
    "pulses-batch": _case(
        "Each device of a file of conductances per pulse in a folder of its own.",
        f"fit pulses.csv --model mms --batch --free r_on r_off tau --fix v_on=0.19 v_off=0.17 {_PULSED} --out out",
        inputs="pulses",
    ),
    "retention": _case(
        "The resistance of a device that relaxes.",
        "fit decay.csv --model mms --free r_on r_off tau --fix x0=0.9 v_on=0.19 v_off=0.17 --out out",
        inputs="decay",
    ),
    "transients": _case(
        "Delays and relaxations of curves under one pulse each.",
        "fit curves.csv --model diffusive --preset diffusive/wang2024-pulse --fix r0=0.3 --delays "
        "--on-threshold 1e-6 --off-threshold 1e-7 --free mu gamma3 --out out",
        inputs="curves",
    ),
    "transients-stochastic": _case(
        "Delays and relaxations with their randomness.",
        "fit curves.csv --model diffusive --preset diffusive/wang2024-pulse --delays --on-threshold 1e-6 "
        "--off-threshold 1e-7 --stochastic --draws 64 --out out",
        inputs="curves",
    ),
    "spikes": _case(
        "Spike times of a circuit with noise.",
        f"fit trains.csv {_NEURON} {_SPIKES} --free memristor.mu memristor.sigma1 --dt 2e-6 --draws 48 --out out",
        inputs="trains",
    ),
    "trace": _case(
        "The voltage of a node of a circuit.",
        "fit trace.csv --model threshold-switch-neuron --voltage node.v --stimulus step.csv --free r_in.r switch.v_th "
        "--out out",
        inputs="trace",
    ),
    "targets": _case(
        "Wanted numbers of a device.",
        "fit --model diffusive --target delay@1=5e-3 --free mu theta r_off --fix gamma1=0 beta=0 r_on=1e5 --draws 64 "
        "--out out",
    ),
    "joint": _case(
        "Conductances per pulse and a decay of one device, with options of one file.",
        f"{_JOINT} --out out",
        "report out",
        inputs="pulses decay",
    ),
    "joint-order": _case(
        "The same one after the other.",
        f"{_JOINT} --order resistance,conductance --out out",
        inputs="pulses decay",
    ),
    "choice": _case(
        "Two models of the same pulses, one of which is wrong, and one without a start.",
        f"fit one.csv --model mms,linear-drift,diffusive {_PULSED} --out out",
        "report out",
        inputs="pulses",
    ),
    "auto": _case(
        "The model is chosen among those that can describe what the sweeps show.",
        "fit loops.csv --model auto --free r_on r_off --out out",
        inputs="loops",
    ),
    "auto-named": _case(
        "A parameter that few models have: those that lack it are not fitted for comparison.",
        "fit loops.csv --model auto --free r_on r_off tau --out out",
        inputs="loops",
    ),
    "batch": _case(
        "Many devices, one of which cannot be read, and the population that they are drawn from.",
        f"{_WAFER} --shrink --out out",
        "simulate mms --population out --members 3 --like wafer/die_R0_C0.csv --deterministic --out fresh.csv",
        "simulate mms --fit out/fits/die_R0_C1.json --like wafer/die_R0_C1.csv --deterministic --out one.csv",
        inputs="wafer",
    ),
}


def _wrong(model: str, *lines: str, purpose: str) -> Case:
    """Fits that end before anything is solved, each of the model that is named unless it names one."""
    full = (x if "--model" in x else f"{x} --model {model}" for x in lines)
    return _case(
        purpose,
        *(f"fit {x} --out out" if "--out" not in x else f"fit {x}" for x in full),
        inputs="wrong",
    )


WRONG = {
    "wrong-sweeps": _wrong(
        "mms",
        "none.csv",
        "words.csv",
        "empty.csv",
        "sweeps.csv",
        "sweeps.csv --point-time 0.01 --free nothing",
        "sweeps.csv --point-time 0.01 --fix r_on=-5",
        "sweeps.csv --point-time 0.01 --bounds r_on=5,1",
        "sweeps.csv --point-time 0.01 --start r_on=x",
        "sweeps.csv --point-time 0.01 --sweeps 7-9",
        "sweeps.csv --point-time 0.01 --draws 32",
        "sweeps.csv --point-time 0.01 --compliance 1,2,3",
        "sweeps.csv --point-time 0.01 --hold-out 1",
        "sweeps.csv --point-time 0.01 --free-bench nothing",
        "sweeps.csv --point-time 0.01 --preset mms/none",
        "sweeps.csv --point-time 0.01 --preset vteam/illustration",
        "sweeps.csv --point-time 0.01 --model tea",
        "sweeps.csv --point-time 0.01 --model threshold-switch --stochastic --draws 4",
        "sweeps.csv --point-time 0.01 --interleave",
        "sweeps.csv --point-time 0.01 --out taken",
        "sweeps.csv --point-time 0",
        "sweeps.csv --uncertainty bootstrap",
        "sweeps.csv --colour red",
        "",
        purpose="Sweeps that cannot be fitted as asked.",
    ),
    "wrong-pulses": _wrong(
        "mms",
        "pulses.csv",
        "pulses.csv --device z",
        "pulses.csv --device a --stochastic",
        "pulses.csv --device a --series-resistance 10",
        "pulses.csv --device a --draws 16",
        "pulses.csv --device a --hold-out 21",
        "pulses.csv --device a --pulse-voltages 0.3",
        "gap.csv",
        purpose="Conductances per pulse that cannot be fitted as asked.",
    ),
    "wrong-retention": _wrong(
        "drift",
        "decay.csv --model vteam",
        "runs.csv",
        "runs.csv --device 7",
        "decay.csv --stochastic",
        "decay.csv --compliance 1e-6",
        "endurance.csv",
        purpose="Decays that cannot be fitted as asked, and an endurance test, which no model is fitted to.",
    ),
    "wrong-transients": _wrong(
        "diffusive",
        "curves.csv --delays --batch",
        "curves.csv --delays --uncertainty nuts",
        "curves.csv --delays --stochastic --uncertainty profile",
        "curves.csv --delays --draws 16",
        "curves.csv --delays --on-threshold -1",
        "curves.csv --off-threshold 1e-7",
        "timed.csv --delays",
        purpose="Curves under pulses that cannot be fitted as asked.",
    ),
    "wrong-spikes": _wrong(
        "1m1t1r",
        "trains.csv",
        f"trains.csv {_SPIKES} --free memristor.mu",
        f"trains.csv {_SPIKES} --stimulus drive.csv",
        "trains.csv --spikes gate.v --stimulus drive.csv --free memristor.mu",
        f"trains.csv {_SPIKES} --stimulus drive.csv --free memristor.mu --batch",
        f"trains.csv {_SPIKES} --stimulus drive.csv --free memristor.mu --compliance 1e-6",
        f"trains.csv {_SPIKES} --stimulus drive.csv --free memristor.mu --uncertainty nuts",
        f"trains.csv {_SPIKES} --stimulus drive.csv --free mu --model drift",
        "trains.csv --spikes nowhere --level 1 --stimulus drive.csv --free memristor.mu",
        "trains.csv --spikes gate.v --voltage gate",
        purpose="Spike times that cannot be fitted as asked.",
    ),
    "wrong-trace": _wrong(
        "1m1t1r",
        "trace.csv --voltage nowhere --stimulus drive.csv --free memristor.mu",
        "trace.csv --voltage gate --free memristor.mu",
        "trace.csv --voltage gate --stimulus drive.csv --free memristor.mu --stochastic",
        "trace.csv --voltage gate --stimulus none.csv --free memristor.mu",
        "trace.csv --voltage gate --stimulus drive.csv --free memristor.mu --sigma 0",
        "trace.csv trace.csv --voltage gate --stimulus drive.csv --free memristor.mu",
        purpose="Traces that cannot be fitted as asked.",
    ),
    "wrong-targets": _wrong(
        "diffusive",
        "--target v_th=x",
        "--target v_thh=1",
        "--target v_th=1 --sweep-time 0",
        "--target v_th=1 --uncertainty nuts",
        "--target v_th=1 --hold-out 2",
        "--target rate=10",
        "--target v_th=1 --free sigma1",
        "--target v_th=1 --free nothing",
        "sweeps.csv --target v_th=1",
        "--target rate=10 --model 1m1t1r",
        "--target rate=10 --target v_th=1 --model 1m1t1r",
        "--target v_th=1 --spikes gate.v",
        purpose="Targets that make no problem.",
    ),
    "wrong-joint": _wrong(
        "mms",
        f"pulses.csv decay.csv {_PULSED} --device a --order conductance",
        f"pulses.csv decay.csv {_PULSED} --device a --order sweeps,resistance",
        "pulses.csv decay.csv --stochastic",
        "pulses.csv decay.csv --device a --hold-out 2",
        "pulses.csv decay.csv --device a --point-time 1",
        "pulses.csv decay.csv --bench none.toml",
        "pulses.csv decay.csv --bench other.toml",
        "pulses.csv decay.csv --bench speed.toml",
        "pulses.csv decay.csv --bench broken.toml",
        "pulses.csv endurance.csv",
        purpose="Files of several kinds that cannot be fitted as one device.",
    ),
    "wrong-choice": _wrong(
        "mms,vteam",
        "pulses.csv --model mms,mms",
        "pulses.csv --model mms,",
        "pulses.csv --model mms,nope",
        "pulses.csv --free tau",
        "pulses.csv --fix r_on=-1",
        "pulses.csv --preset mms/knowm",
        "pulses.csv --batch",
        "pulses.csv --stochastic",
        "pulses.csv --hold-out 1",
        "pulses.csv --device z",
        "--target v_th=0.5",
        "decay.csv --model auto",
        "timed.csv --model auto",
        "timed.csv --model auto --stochastic",
        purpose="Choices that cannot be made.",
    ),
    "wrong-batch": _wrong(
        "mms",
        "none*.csv --batch",
        "timed.csv timed.csv --batch",
        "timed.csv --batch --stochastic",
        "timed.csv --batch --uncertainty profile",
        "timed.csv --batch --free-bench series_resistance",
        "timed.csv --batch --free nothing",
        "timed.csv --batch --chunk 0",
        "timed.csv --batch --wafer-map none.csv",
        "timed.csv --shrink",
        "taken --batch",
        purpose="Batches that cannot be fitted as asked.",
    ),
    "wrong-amortised": _wrong(
        "mms",
        "timed.csv --amortise --amortised density",
        "timed.csv --amortise --start r_on=1",
        "timed.csv --amortised none",
        "timed.csv --amortised none --free r_on",
        "timed.csv sweeps.csv --amortise",
        "timed.csv --amortise --free r_on",
        purpose="Trained densities that cannot be made or used.",
    ),
    "wrong-folders": Case(
        purpose="Folders that hold no fit.",
        inputs=("wrong",),
        steps=(
            ("report", "none"),
            ("report", "taken"),
            ("report", "taken", "--colour", "red"),
            ("simulate", "mms", "--fit", "taken", "--like", "timed.csv", "--out", "again.csv"),
            (
                "simulate",
                "mms",
                "--population",
                "taken",
                "--like",
                "timed.csv",
                "--out",
                "again.csv",
            ),
        ),
    ),
}

CASES = FITS | WRONG
"""All cases, by the names of their stored files."""
