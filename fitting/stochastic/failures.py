"""What may end a stage of a fit, and how it is said; what stages before it reached stays."""

import numpy as np

from memjax.errors import MemjaxError

FAILURES = (MemjaxError, np.linalg.LinAlgError)
"""Errors of simulated draws and of the surfaces through them."""

_LONGEST = 200  # characters


def in_words(error: BaseException) -> str:
    """An error in one line: what an array of draws holds would fill a page."""
    text = " ".join(str(error).split())
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
    return text if isinstance(error, MemjaxError) else f"{type(error).__name__}: {text}"
