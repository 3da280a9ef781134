"""A bar that follows a fit, in a terminal or a notebook."""

from typing import Any


class ProgressBar:
    """A bar for the argument `tick` of a fit: stage, iterations, and the best loss so far.

    In a notebook that has ipywidgets it is a widget, else a line of text on standard error.

    Examples
    --------
    >>> with ft.ProgressBar() as bar:  # doctest: +SKIP
    ...     fit = ft.fit([measurement], device, tick=bar)
    """

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        shape = "{desc}{n_fmt} iterations [{elapsed}]{postfix}"
        self._bar = tqdm(bar_format=shape, leave=True)

    def __call__(self, stage: str, progress: Any = None) -> None:
        """Show a stage, and where its search has come."""
        self._bar.set_description_str(f"{stage}: ", refresh=False)
        if progress is not None:
            self._bar.n = progress.iterations
            best = min(progress.cost, default=float("inf"))
            self._bar.set_postfix_str(f"loss {best:.4g}", refresh=False)
        self._bar.refresh()

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *error: object) -> None:
        """End the bar; its last state stays in sight."""
        self._bar.close()
