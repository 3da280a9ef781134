"""Files of several kinds at once."""

from memjax.runtime.lazy import deferred, deferred_functions

from ..kinds import JOINT, Kind
from .options import JointConfig, fit, run

KIND = Kind(
    label=JOINT,
    phrase="a joint fit",
    configs=(JointConfig,),
    fit=fit,
    run=run,
    write=deferred("fitting.joint.report:write"),
    **deferred_functions("fitting.joint.report", "build", "advice"),
)
"""Files of several kinds."""
