"""Where the measured data lie, and settings of models that suit loops."""

import os
from pathlib import Path

from benchmarks.records import ROOT

DATA = Path(os.environ.get("MEMJAX_DATA", ROOT.parent / "shared" / "data"))

FORMS = {"event-switches": {"form": "mean"}, "vteam": {"conduction": "exponential"}}
"""Settings of a model beside its defaults: the deterministic form, and the one for resistances decades apart."""
