"""Laws that several models share: conduction, kinetics, heat, and functions that stay finite."""

from .conduction import (
    gap_ratio,
    ohmic,
    poole_frenkel,
    schottky,
    simmons,
    sinh_conduction,
    tunnel_gap,
)
from .domain import nearest
from .heat import joule_rate, joule_temperature
from .kinetics import (
    activated_hopping,
    arrhenius,
    butler_volmer,
    butler_volmer_inverse,
    mott_gurney,
    mott_gurney_inverse,
)
from .limits import past_rounding, stop_at_bounds, window
from .roots import grow_bracket, increasing_root, root_between
from .safe import (
    asinh_of_sinh,
    bound,
    ensemble_sqrt,
    normal_cdf,
    normal_pdf,
    safe_exp,
    safe_power,
    safe_sinh,
    safe_sqrt,
)

__all__ = [
    "activated_hopping",
    "arrhenius",
    "asinh_of_sinh",
    "bound",
    "butler_volmer",
    "butler_volmer_inverse",
    "ensemble_sqrt",
    "gap_ratio",
    "grow_bracket",
    "increasing_root",
    "joule_rate",
    "joule_temperature",
    "mott_gurney",
    "mott_gurney_inverse",
    "nearest",
    "normal_cdf",
    "normal_pdf",
    "ohmic",
    "past_rounding",
    "poole_frenkel",
    "root_between",
    "safe_exp",
    "safe_power",
    "safe_sinh",
    "safe_sqrt",
    "schottky",
    "simmons",
    "sinh_conduction",
    "stop_at_bounds",
    "tunnel_gap",
    "window",
]
