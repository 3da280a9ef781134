"""Defaults and names that the command line knows before it loads what computes with them."""

MODEL_SIGMA = 0.3
"""Standard deviation [decades] granted to the model's current beside the scatter of the data, unless given."""

VOLTAGE_SIGMA = 0.05
"""The same of the model's voltage under an imposed current: it spans a decade where currents span many."""

SMALL = 0.1
"""Share of what a search grants to the model by default that chi squared grants it: 7 % of a current."""

FREE_BENCH = {
    "series_resistance": "series_resistance",
    "offset_current": "offset_current",
    "offset_voltage": "offset_voltage",
    "shunt": "parallel_resistance",
    "parallel_capacitance": "parallel_capacitance",
}
"""Fields of `memjax.Bench` by the words of ``--free-bench``."""

SCREENED = 128
"""Starts of a search of sweeps that are screened unless said otherwise."""

CHUNK = 128
"""Devices of a batch that advance together unless said otherwise."""

COMPARISON = "comparison.json"
"""The file of a choice among models."""

AUTOMATIC = "an automatic choice of the model"
"""Where an error of ``--model auto`` happens, in words."""

MARKER = "fit.json"
"""What is in every fit directory."""
