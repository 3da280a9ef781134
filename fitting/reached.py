"""The best point of a search so far as a fit directory: what is left of a fit that did not come to its end."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from memjax.runtime.files import write_json, writing_folder

from .config import Request
from .kinds import origin_of
from .page.blocks import Code, Section
from .page.fit_blocks import parameter_tables, provenance, remarks
from .page.render import write_page

if TYPE_CHECKING:
    from .optimize.levenberg_marquardt import Progress

NOTHING = "nothing was saved"

_NO_MORE = (
    "interrupted: the values of the best point, without their errors, pictures or simulated data"
)


class Reached:
    """What a command has reached, whatever becomes of it.

    Parameters
    ----------
    request : Request
        What ``memjax fit`` was asked for.

    Attributes
    ----------
    saved : str
        What is written already, in words.
    save : callable
        Saves what there is, and says in words what that is; commands of their own have one of their own.
    """

    def __init__(self, request: Request) -> None:
        self.request, self.kind, self.progress = request, "", None
        self.saved = ""
        self.save: Callable[[], str] = self._save_best

    def hear(self, progress: Any) -> None:
        """Hear of a search; it is the one that counts where it knows its problem."""
        if getattr(progress, "problem", None) is not None:
            self.progress = progress

    @property
    def is_some(self) -> bool:
        """Whether a point with a value is known."""
        search = self.progress
        return search is not None and bool(np.isfinite(search.cost).any())

    def _save_best(self) -> str:
        """The best point as a fit directory, where there is one and the fit itself is not written."""
        out = Path(self.request.out)
        if self.saved:
            return self.saved
        if self.progress is None or not self.is_some:
            return NOTHING
        write_point(self.progress, self.kind, self.request)
        return f"the best values so far are in {out}, without their errors"


def write_point(search: "Progress", kind: str, request: Request) -> None:
    """Write the best point of a search: ``fit.json`` and a page, all that takes no simulation."""
    content = _content(search, kind, request)
    model, tables = content["model"], parameter_tables(content)
    heading = ["Fit of ", Code(model), f": {kind}, interrupted"]
    blocks = [Section("Parameters", tables), remarks(content), provenance(content)]
    with writing_folder(request.out) as folder:
        write_json(folder / "fit.json", content)
        write_page(folder, f"memjax fit: {model}", heading, blocks)


def _content(search: "Progress", kind: str, request: Request) -> dict[str, Any]:
    from .fit_json import BENCH, content_of, digest, search_of
    from .parameters import parameter_rows, sits_at_bound

    problem, origin = search.problem, origin_of(request)
    device = problem.at(search.z[search.best][: len(problem.free)])
    bound = [n for n in problem.free if sits_at_bound(device, n)]
    unknown = dict.fromkeys(problem.free)
    rows = parameter_rows(device, unknown, {}, undetermined=problem.free, at_bound=bound)
    bench = getattr(problem, "bench", None)
    around = {n: getattr(bench, n, x) for n, x in BENCH.items()} if bench else BENCH
    return content_of(
        device,
        [r for r in rows if not r["name"].startswith("bench.")],
        np.eye(len(problem.free)),
        kind=kind,
        model=request.model,
        loss=float(np.min(search.cost)),
        search=search_of(search),
        interrupted=True,
        bench=dict(around) | {"temperature": origin.temperature},
        notes=[_NO_MORE],
        reader=[],
        bench_parameters={r["name"]: r for r in rows if r["name"].startswith("bench.")},
        covariance_from="none",
        seed=request.seed,
        command=origin.command,
        data=[{"file": str(f), "sha256": digest(f)} for f in origin.files],
        uncertainty={"method": "none", "level": 0.9, "notes": [], "intervals": {}},
    )
