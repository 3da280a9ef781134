"""``memjax models``: the device models, and states, parameters and presets of one of them."""

import argparse

from ..errors import allowed_text
from .command import Command, print_json, table
from .model_table import description_of, model_names
from .options import add_json_option


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a model; without one all are listed"
    )
    add_json_option(parser)


def _range(bounds: list[float]) -> str:
    return f"{bounds[0]:g} .. {bounds[1]:g}"


def _print_model(description: dict) -> None:
    """One model for people."""
    kind = (
        "volatile: forgets between sweeps"
        if description["volatile"]
        else "non-volatile: sweeps carry its state on"
    )
    noise = "none" if description["noise"] == "NoNoise" else description["noise"].lower()
    print(f"{description['name']}: {description['summary']}\n{kind}; noise: {noise}\n")
    if description["netlist"]:
        cells = [
            [e["name"], e["element"] + ("  (driven)" if e["driven"] else ""), " ".join(e["nodes"])]
            for e in description["netlist"]
        ]
        print(table(cells, head=["ELEMENT", "KIND", "NODES"]) + "\n")
    states = [[s["name"], s["unit"], _range(s["bounds"]), s["doc"]] for s in description["states"]]
    print(table(states, head=["STATE", "UNIT", "BOUNDS", "WHAT"]) + "\n")
    rows = []
    for p in description["parameters"]:
        if p["allowed"] is not None:
            rows.append([p["name"], f"{p['value']}", "1", allowed_text(p["allowed"]), p["doc"]])
            continue
        default = f"= {p['follows']}" if p["value"] is None else f"{p['value']:g}"
        rows.append([p["name"], default, p["unit"], _range(p["bounds"]), p["doc"]])
    print(table(rows, head=["PARAMETER", "DEFAULT", "UNIT", "BOUNDS", "WHAT"]) + "\n")
    if description["presets"]:
        print(
            table(
                [[p["name"], p["title"]] for p in description["presets"]], head=["PRESET", "WHAT"]
            )
            + "\n"
        )
        for p in description["presets"]:
            options = " ".join(f"--{k.replace('_', '-')} {v:g}" for k, v in p["bench"].items())
            print(f"{p['name']}:" + (f" bench {options}" if options else ""))
            print("\n".join(f"  not claimed: {text}" for text in p["not_claimed"]))
        print()
    print("\n".join(f"reference: {r}" for r in description["references"]))


def _run(options: argparse.Namespace) -> int:
    if options.name is not None:
        description = description_of(options.name)
        print_json(description) if options.json else _print_model(description)
        return 0
    rows: list[dict] = [
        {n: facts[n] for n in ("name", "summary", "volatile")}
        | {"states": [s["name"] for s in facts["states"]]}
        for facts in map(description_of, model_names())
    ]
    if options.json:
        print_json({"models": rows})
        return 0
    cells = [
        [r["name"], ", ".join(r["states"]), "yes" if r["volatile"] else "no", r["summary"]]
        for r in rows
    ]
    print(table(cells, head=["MODEL", "STATES", "VOLATILE", "WHAT"]))
    print("\n'memjax models NAME' shows parameters, bounds and presets.")
    return 0


COMMAND = Command(
    name="models",
    help="list device models and circuits, or one's parameters",
    configure=_configure,
    run=_run,
)
"""The command."""
