"""A page for each model, out of its metadata: equations, parameters, presets, what none of them claims, a picture."""

import inspect
import math
import re
from collections.abc import Sequence
from pathlib import Path

from api_pages import write_if_changed
from model_pictures import picture
from numpydoc.docscrape import NumpyDocString

import memjax as mj
from memjax.cli.model_table import describe_model
from memjax.core.fields import allowed_text
from memjax.models import CIRCUITS

DOCS = Path(__file__).parents[1]
FOLDER = DOCS / "physics" / "models"
OWN_PAGES = {
    "1m1t1r": "1m1t1r",
    "1m1t1r-chain": "1m1t1r",
    "diffusive-drift-synapse": "synapse",
}
"""Pages of circuits whose names are not the model's."""


def _units(unit: str) -> str:
    return "" if unit == "1" else unit


def _number(value: float) -> str:
    """A number as a page shows it: 1e-09 as a power of ten, infinity as its sign."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:.6g}"
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    power = f"10^{{{int(exponent)}}}"
    return f":math:`{power}`" if mantissa == "1" else rf":math:`{mantissa}\cdot {power}`"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], widths: str) -> str:
    """A list table; cells are one line each."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in (head, *rows):
        for k, cell in enumerate(row):
            lines.append(f"   {'*' if k == 0 else ' '} - {cell}")
    return "\n".join(lines) + "\n\n"


def _plain(text: str) -> str:
    """Text of metadata, in which no character is markup."""
    return re.sub(r"([*_|`\\])", r"\\\1", text)


def _heading(text: str, line: str = "-") -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _link(reference: str) -> str:
    if reference.startswith("doi:"):
        return f"`{reference} <https://doi.org/{reference.removeprefix('doi:')}>`__"
    return reference if reference.startswith("http") else _plain(reference)


def _references(lines: Sequence[str], named: Sequence[str]) -> str:
    """The references of a docstring as a list; DOIs that it leaves out follow."""
    entries = re.split(r"(?m)^\.\. \[\d+\]\s*", "\n".join(lines))[1:]
    entries = [" ".join(e.split()) for e in entries]
    entries += [n for n in named if not any(n.removeprefix("doi:") in e for e in entries)]
    linked = [re.sub(r"doi:\S+[^\s,.;)]", lambda m: _link(m.group()), e) for e in entries]
    return "\n".join(f"{k}. {e}" for k, e in enumerate(linked, 1)) + "\n\n"


def _parameter_rows(parameters: Sequence[dict], symbols: dict[str, str]) -> list[list[str]]:
    rows = []
    for p in parameters:
        symbol = symbols.get(p["name"], "")
        cells = [f"``{p['name']}``", f":math:`{symbol}`" if symbol else ""]
        if p["allowed"] is not None:
            cells += [str(p["value"]), "", _plain(allowed_text(p["allowed"]))]
        else:
            default = f"as ``{p['follows']}``" if p["value"] is None else _number(p["value"])
            low, high = p["bounds"]
            cells += [default, _units(p["unit"]), f"{_number(low)} to {_number(high)}"]
        rows.append([*cells, _plain(p["doc"])])
    return rows


def _symbols(name: str) -> dict[str, str]:
    """LaTeX symbol of each parameter, where the model declares one."""
    instance = mj.model(name)
    return {p["name"]: p.get("symbol") or "" for p in mj.describe(instance)}


def _preset(info: dict) -> str:
    """One preset: what it is, where each value stands, its bench, and what it does not claim."""
    text = f"``{info['name']}``\n   {_plain(info['title'])}.\n\n"
    lines = [f"Source: {_plain(info['source'])}"]
    if info["doi"]:
        lines.append(_link(f"doi:{info['doi']}"))
    text += f"   {' '.join(x if x.endswith(('.', '__')) else x + '.' for x in lines)}\n"
    text += f"   {_plain(info['obtained'])}\n\n"
    if info["bench"]:
        bench = " ".join(f"--{k.replace('_', '-')} {v:g}" for k, v in info["bench"].items())
        text += f"   Bench: ``{bench}``\n\n"
    if info["not_claimed"]:
        text += "   Not claimed:\n\n"
        text += "".join(f"   - {_plain(claim)}\n" for claim in info["not_claimed"]) + "\n"
    return text


def _use(name: str, presets: Sequence[dict]) -> str:
    preset = presets[0]["name"] if presets else f"{name}/NAME"
    return (
        _heading("Use it")
        + ".. code-block:: sh\n\n"
        + f"   memjax models {name}\n"
        + f"   memjax simulate {name} --preset {preset} --stimulus drive.csv --out out.csv\n\n"
        + ".. code-block:: python\n\n"
        + "   import memjax as mj\n\n"
        + f'   values = mj.presets.load("{preset}")[1]\n'
        + f'   device = mj.params.replace(mj.model("{name}"), values)\n\n'
    )


def _first(name: str, model: dict) -> str:
    """Title, summary, and what kind of model it is."""
    summary = _plain(model["summary"]).strip()
    if name in CIRCUITS:
        build = CIRCUITS[name].build
        room = "synapse" if "synapse" in name else "neuron"
        link = f":py:obj:`memjax.{room}.{build.__name__}`"
    else:
        link = f":py:obj:`memjax.{mj.device_class(name).__name__}`"
    memory = "forgets between sweeps" if model["volatile"] else "carries its state on"
    noise = "none" if model["noise"] == "NoNoise" else model["noise"].lower()
    facts = f"In Python: {link}. It {memory}. Structure of its noise: {noise}."
    return _heading(name, "=") + f"{summary}\n\n{facts}\n\n"


def page(name: str, figure: tuple[str, str] | None) -> str:
    """The page of a model, as reStructuredText."""
    model = describe_model(name)
    doc = NumpyDocString(inspect.cleandoc(model["doc"]))
    text = _first(name, model)
    if figure is not None:
        file, caption = figure
        text += (
            f".. figure:: pictures/{file}\n   :width: 80%\n   :alt: {caption}\n\n   {caption}\n\n"
        )
    notes = "\n".join([*doc["Extended Summary"], "", *doc["Notes"]]).strip()
    if notes:
        text += (
            _heading("Equations and assumptions") + re.sub(r"\[(\d+)\]_", r"[\1]", notes) + "\n\n"
        )
    if model["netlist"]:
        rows = [
            [
                f"``{e['name']}``",
                e["element"] + (", driven" if e["driven"] else ""),
                ", ".join(e["nodes"]),
            ]
            for e in model["netlist"]
        ]
        text += _heading("Elements") + _table(["element", "kind", "nodes"], rows, "30 40 30")
    states = [
        [
            f"``{s['name']}``",
            _units(s["unit"]),
            f"{_number(s['bounds'][0])} to {_number(s['bounds'][1])}",
            _plain(s["doc"]),
        ]
        for s in model["states"]
    ]
    if states:
        text += _heading("States") + _table(
            ["state", "unit", "range", "meaning"], states, "20 10 25 45"
        )
    head = ["name", "symbol", "default", "unit", "bounds", "meaning"]
    rows = _parameter_rows(model["parameters"], _symbols(name))
    text += _heading("Parameters") + _table(head, rows, "18 10 15 10 20 27")
    if model["presets"]:
        text += _heading("Presets") + "".join(_preset(p) for p in model["presets"])
    text += _use(name, model["presets"])
    own = DOCS / "circuits" / f"{OWN_PAGES.get(name, name)}.md"
    if own.exists():
        text += f"How it works, with code that runs: :doc:`/circuits/{own.stem}`.\n\n"
    elif name not in CIRCUITS:
        text += "How well all models suit measured data: :doc:`/models`.\n\n"
    if model["references"] or doc["References"]:
        text += _heading("References") + _references(doc["References"], model["references"])
    return text


def write_pages(app, config) -> None:
    """Write the page of every model, with its picture unless the build is quick."""
    for name in mj.model_names():
        figure = picture(name, FOLDER / "pictures", draw=config.model_pictures)
        write_if_changed(FOLDER / f"{name}.rst", page(name, figure))


def setup(app):
    """Write the pages before Sphinx looks for sources."""
    app.add_config_value("model_pictures", True, "env")
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
