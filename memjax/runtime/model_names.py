"""Names of models that stand for another one with something added; without loading any."""

CORRECTED = "+hybrid"
"""Ending of the name of a model with learned corrections: vteam+hybrid."""


def physics_of(name: str) -> str | None:
    """Name of the model that a name corrects; None of a name without that ending."""
    return name.removesuffix(CORRECTED) if name.endswith(CORRECTED) else None
