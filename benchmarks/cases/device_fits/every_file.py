"""Every model fitted to every measured file from the command line: nothing may crash, above all not after the search.

``python -m benchmarks.cases.device_fits.every_file DIR`` runs this study alone, and goes on where it was stopped.
"""

import contextlib
import importlib
import io
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import jax

import memjax as mj
from benchmarks.cases.device_fits.alarm import alarm
from benchmarks.cases.device_fits.alone import run_alone
from benchmarks.cases.device_fits.settings import DATA
from benchmarks.records import Recorder
from benchmarks.timing import Times
from memjax.data import has_records, read_records
from memjax.errors import MemjaxError

STARTS, ITERATIONS = 2, 1
"""Starts and iterations of each round of a search: what is tried here comes after it."""

LIMIT = 90
"""Processor time after which a search is interrupted, and again whatever then goes on [s]."""

LONGER = {"jart-vcm": 200}
"""The same of models whose programs take long to compile: an implicit current."""

POINT_TIME = "0.01"
"""What is said of every file of sweeps; those with a time column do not need it [s]."""

DELAYS = (
    "usc_diffusive_pulse.csv",
    "umass_diffusive_relaxation_layer1.csv",
    "vo2_short_pulses.csv",
)
"""Files of pulsed transients, which are fitted by ``--delays`` too."""

FIRST = ("hfo2_rtn", "nottingham", "sdc_knowm", "sto_nb_iv_timed", "umass", "usc_diffusive_pulse")
"""Beginnings of names of sets with a waveform of its own in each of many sweeps, of which the first is fitted."""

LARGE = 200_000
"""Size of a file from which on its fits come late [bytes]."""

SMOKE = (("knowm_iv.csv", "vo2_current_sweep_b1500.csv", "rram_1t1r_cycling.csv"), ("mms", "ecm"))
"""Files and models of the short run."""

OUTCOMES = ("fitted", "refused", "crashed", "out of time")

NAME = "every_file.json"


@dataclass(frozen=True)
class Task:
    """A file as one would fit it: its path below the data, and options."""

    path: Path
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Path below the data, and the options that matter."""
        return " ".join([self.path.relative_to(DATA).as_posix(), *self.options])


def tasks() -> list[Task]:
    """Every clean file, and the smallest of each folder of raw ones; of several devices the first is fitted."""
    clean = sorted((DATA / "clean").glob("*.csv"))
    raw = [
        min((p for p in d.iterdir() if p.is_file()), key=lambda p: (p.stat().st_size, p.name))
        for d in sorted((DATA / "raw").glob("*/"))
    ]
    pulsed = [Task(p, ("--delays",)) for p in clean if p.name in DELAYS]
    return [Task(p, _chosen(p)) for p in (*clean, *raw)] + pulsed


def _chosen(path: Path) -> tuple[str, ...]:
    """The first device or sweep, of a file that has many."""
    try:
        if not has_records(path):
            first = path.relative_to(DATA).parts[1].startswith(FIRST)
            return ("--sweeps", str(mj.read(path).labels[0])) if first else ()
        records = read_records(path)
    except MemjaxError:  # the fit will say so
        return ()
    labels = [getattr(r, "device", getattr(r, "label", None)) for r in records]
    return ("--device", str(labels[0])) if len(labels) > 1 and labels[0] is not None else ()


@contextlib.contextmanager
def _short_searches() -> Iterator[None]:
    """Few starts and few iterations in place of those of `fitting.fit`."""
    begin = importlib.import_module("fitting.sweeps.prepare")
    search, ending = (importlib.import_module(f"fitting.sweeps.{n}") for n in ("search", "ending"))
    few = _but(begin.starts, count=STARTS)
    short = _but(search.levenberg_marquardt, iterations=ITERATIONS)
    replaced = {"levenberg_marquardt": short, "BATCH": STARTS}
    with (
        patch.object(begin, "starts", few),
        patch.multiple(search, **replaced),
        patch.multiple(ending, **replaced),
    ):
        yield


def _but(function: Callable, **options) -> Callable:
    """The function with these options whatever it is called with."""
    return lambda *a, **k: function(*a, **(k | options))


def fitted(task: Task, model: str) -> dict:
    """What ``memjax fit`` makes of a file with a model: outcome, reason, and what was said beside it."""
    from memjax.cli import main

    limit = LONGER.get(model, LIMIT)
    out, err, begun = io.StringIO(), io.StringIO(), time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "fit"
        words = ["fit", str(task.path), "--model", model, *task.options, "--out", str(folder)]
        words += ["--point-time", POINT_TIME] * _sweeps(task)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _short_searches():
            try:
                with alarm(limit, again=limit):
                    status = main(words)
            except KeyboardInterrupt:  # it rang outside of the command
                status = 130
        found = _ended(status, err.getvalue(), folder)
    seconds = time.perf_counter() - begun
    return {"file": task.name, "model": model, "seconds": seconds, "status": status, **found}


def _sweeps(task: Task) -> bool:
    """Whether a file is one of sweeps; one that cannot be read will be said to be."""
    try:
        return "--delays" not in task.options and not has_records(task.path)
    except MemjaxError:
        return True


def _ended(status: int, said: str, folder: Path) -> dict:
    """Outcome, reason, verdict, and lines on standard error that memjax has not written as such."""
    lines = said.splitlines()
    errors = [x.removeprefix("memjax: error: ") for x in lines if x.startswith("memjax: error:")]
    stray = [x for x in lines if x.strip() and not x.startswith("memjax: ")]
    whole = all((folder / n).exists() for n in ("fit.json", "report.html"))
    found = {"outcome": "crashed", "reason": " | ".join(errors), "verdict": None, "stray": stray}
    if status in (0, 130) and whole:
        content = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
        verdict = (content.get("verdict") or {}).get("word")
        return found | {"outcome": "fitted", "verdict": verdict}
    if status == 130:
        return found | {"outcome": "out of time"}
    if status in (2, 3) and len(errors) == 1 and not stray and not folder.exists():
        return found | {"outcome": "refused"}
    return found | {"reason": found["reason"] or f"status {status}, whole: {whole}"}


def _pairs(size: str) -> list[tuple[Task, str]]:
    """Pairs in an order in which every file and every model comes early, and what takes long late."""
    files, models = tasks(), mj.device_names()
    if size == "smoke":
        files, models = [t for t in files if t.path.name in SMOKE[0]], list(SMOKE[1])
    n = len(models)
    pairs = [(t, models[(j + k) % n]) for k in range(n) for j, t in enumerate(files)]
    return sorted(pairs, key=lambda p: (p[1] in LONGER) + (p[0].path.stat().st_size > LARGE))


def table(rows: list[dict]) -> str:
    """Counts of outcomes by file, and the reasons of refusals and crashes, in words."""
    text = []
    for name in dict.fromkeys(r["file"] for r in rows):
        own = [r for r in rows if r["file"] == name]
        counts = Counter(r["outcome"] for r in own)
        text.append(f"{name}: " + ", ".join(f"{counts[o]} {o}" for o in OUTCOMES if counts[o]))
        reasons = Counter((r["outcome"], r["reason"]) for r in own if r["outcome"] != "fitted")
        text += [f"    {n} {outcome}: {reason}" for (outcome, reason), n in reasons.items()]
    return "\n".join(text)


def run(size: str, record: Recorder) -> None:
    """Fit all pairs that have not been fitted before, and count crashes."""
    if not DATA.is_dir():
        reason = f"no measured data at {DATA}: set MEMJAX_DATA"
        record.write("every model on every file", status="skipped", reason=reason)
        return
    path = record.path.with_name(NAME)
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    done = {(r["file"], r["model"]) for r in rows}
    pairs = _pairs(size)
    for turn, (task, model) in enumerate(p for p in pairs if (p[0].name, p[1]) not in done):
        rows.append(fitted(task, model))
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        if turn % 20 == 19:  # programs are of one model and one file
            jax.clear_caches()
    wanted = {(t.name, m) for t, m in pairs}
    rows = [r for r in rows if (r["file"], r["model"]) in wanted]
    counts = Counter(r["outcome"] for r in rows)
    crashed = [
        f"{r['model']} on {r['file']}: {r['reason']}" for r in rows if r["outcome"] == "crashed"
    ]
    record.ok(
        "every model on every file",
        Times(run=[r["seconds"] for r in rows]),
        error=float(len(crashed)),
        tolerance=0.0,
        reference="fits without a crash, in numbers of crashes",
        n=len(rows),
        dtype="float64",
        extra={
            "outcomes": {o: counts[o] for o in OUTCOMES},
            "verdicts": Counter(r["verdict"] for r in rows if r["verdict"]),
            "crashed": crashed,
            "with stray lines": sum(bool(r["stray"]) for r in rows),
            "table": table(rows).splitlines(),
        },
    )


def main(words: list[str]) -> int:
    """Run this study alone: a folder for its files, and the size."""
    folder = run_alone("every_file", run, words)
    print(table(json.loads((folder / NAME).read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    from memjax.runtime.jax_setup import prepare_jax

    prepare_jax()
    sys.exit(main(sys.argv[1:]))
