"""What a fit of many devices is asked for."""

from dataclasses import dataclass, replace
from typing import Any

from ..command import start_of
from ..config import (
    CommonConfig,
    ElementsConfig,
    ReadingConfig,
    Request,
    ThresholdsConfig,
    batch,
    flag_option,
    option,
    shared,
)
from ..constants import CHUNK
from ..kinds import of_data, refuse_unused
from ..progress import Session
from ..sweeps.kind import KIND as SWEEPS

_GROUP = "many devices"


@dataclass(frozen=True, kw_only=True)
class BatchConfig(ThresholdsConfig, ElementsConfig, ReadingConfig, CommonConfig):
    """What a batch of devices is asked for, beside what each fit of sweeps is."""

    points: Any = shared()
    model_sigma: Any = shared()
    point_time: float | None = shared()
    batch: bool = batch()
    chunk: int = option(
        f"devices of a batch that advance together, all that an interrupt loses (default {CHUNK})",
        form="count",
        lowest=1,
        default=CHUNK,
        group=_GROUP,
    )
    wafer_map: str | None = option(
        "places of the devices of a batch, columns name, x, y (default: row and column in the names)",
        metavar="CSV",
        group=_GROUP,
    )
    shrink: bool = flag_option(
        "fit each device of a batch again, with the population of them all as its prior: shrunken.csv",
        group=_GROUP,
    )
    scheduler: str | None = option(
        "fit a batch by the workers of this scheduler of dask.distributed, as tcp://HOST:8786 (docs/cluster.md)",
        metavar="ADDRESS",
        group=_GROUP,
    )


def claims(request: Request) -> bool:
    """Whether each file of sweeps is a device; of other kinds `fitting.records` fits many."""
    return request.batch and of_data(request) is SWEEPS


def run(request: Request, session: Session) -> int:
    """Fit the sweeps of many devices; the exit status."""
    from .run import run_batch

    alone = "with --batch no device is fitted as if it were alone"
    refused = {"stochastic": alone, "uncertainty profile": alone, "uncertainty nuts": alone}
    refused["free_bench"] = "the devices of a batch have the bench that is stated"
    refuse_unused(request, replace(SWEEPS, configs=(BatchConfig,), refused=refused))
    return run_batch(request, start_of(request), session)
