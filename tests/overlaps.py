"""Words of a picture that lie on each other, or outside it, by the boxes of the renderer."""

from itertools import combinations
from typing import Any

_SLACK = 1.0  # pixels by which boxes may touch: those of text hold a little more than its ink


def overlaps(figure: Any) -> list[str]:
    """What of a figure overlaps: titles, names of axes, labels of ticks, legends outside of axes, and the edges."""
    figure.draw_without_rendering()
    boxes = _boxes(figure)
    width, height = figure.bbox.width, figure.bbox.height
    flaws = [
        f"{name} leaves the picture"
        for name, box in boxes
        if box.x0 < -_SLACK or box.y0 < -_SLACK or box.x1 > width + _SLACK or box.y1 > height + _SLACK
    ]  # fmt: skip
    for (a, one), (b, other) in combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        upright = min(one.y1, other.y1) - max(one.y0, other.y0)
        if min(across, upright) > _SLACK:
            flaws.append(f"{a} lies on {b}")
    return flaws


def _boxes(figure: Any) -> list[tuple[str, Any]]:
    """Names and boxes of what is to be read around the axes of a figure."""
    words = list(figure.texts)
    legends = list(figure.legends)
    for ax in figure.axes:
        if not ax.get_visible() or not ax.axison:
            continue
        words += [ax.title, ax.xaxis.label, ax.yaxis.label]
        words += [ax.xaxis.get_offset_text(), ax.yaxis.get_offset_text()]
        legend = ax.get_legend()
        legends += [legend] if legend is not None and not _is_inside(legend, ax) else []
        for axis in (ax.xaxis, ax.yaxis):
            words += _labels(axis)
    seen = {id(t): t for t in words if t.get_visible() and t.get_text().strip()}
    own = [(repr(t.get_text()), t.get_window_extent()) for t in seen.values()]
    return own + [("a legend", x.get_window_extent()) for x in legends]


def _labels(axis: Any) -> list[Any]:
    """Labels of ticks that lie within the limits of an axis."""
    low, high = sorted(axis.get_view_interval())
    room = 1e-9 * (high - low)
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [
        label
        for t in ticks
        if low - room <= t.get_loc() <= high + room
        for label in (t.label1, t.label2)
        if label.get_visible()
    ]


def _is_inside(legend: Any, ax: Any) -> bool:
    """Whether a legend lies within its axes, where it may cover curves but no words."""
    box, room = legend.get_window_extent(), ax.get_window_extent()
    return bool(
        box.x0 >= room.x0 - _SLACK
        and box.x1 <= room.x1 + _SLACK
        and box.y0 >= room.y0 - _SLACK
        and box.y1 <= room.y1 + _SLACK
    )
