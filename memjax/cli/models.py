"""``memjax models``: the device models, and states, parameters and presets of one of them."""

import argparse
from dataclasses import asdict

from ..errors import allowed_text
from .command import Command, print_json, table
from .model_table import description_of, model_names, require_models
from .options import add_json_option


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a model; without one all are listed"
    )
    parser.add_argument(
        "--measured",
        action="store_true",
        help="list sets of parameters that were fitted to measured devices, of all models or of NAME",
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


def _list_measured(options: argparse.Namespace) -> int:
    """List the sets of measured devices; the exit status."""
    from .. import presets

    if options.name is not None:
        require_models([options.name])
    rows = presets.measured(options.name)
    if options.json:
        facts = [asdict(r) | {"bands": presets.bands(r.name)} for r in rows]
        print_json({"measured": facts})
        return 0
    cells = [[r.name, r.verdict, f"{r.residual:.2g}", r.title] for r in rows]
    print(table(cells, head=["PRESET", "VERDICT", "RESIDUAL (DECADES)", "DEVICE"]))
    print()
    for r in rows:
        print(f"{r.name}: {r.source}" + (f", doi:{r.doi}" if r.doi else ""))
        print("\n".join(f"  not claimed: {text}" for text in r.not_claimed))
    print("\n'memjax simulate MODEL --preset NAME' simulates one of them.")
    return 0


def _run(options: argparse.Namespace) -> int:
    if options.measured:
        return _list_measured(options)
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
    print("'memjax models --measured' lists devices that were measured.")
    return 0


COMMAND = Command(
    name="models",
    help="list device models and circuits, or one's parameters",
    configure=_configure,
    run=_run,
)
"""The command."""
