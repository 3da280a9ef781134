"""``memjax models``: the device models, and states, parameters and presets of one of them."""

import argparse
from dataclasses import asdict

from .command import Command, print_json, table
from .options import add_json_option


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a model; without one all are listed"
    )
    add_json_option(parser)


def _summary(doc: str) -> str:
    """First line of a docstring, without markup."""
    return doc.split("\n")[0].replace("`", "")


def describe_model(name: str) -> dict:
    """What ``memjax models NAME --json`` prints: states, parameters, references, presets.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    from .. import presets
    from ..circuit import Circuit
    from ..fields import describe
    from ..models import about, model

    instance, (doc, references) = model(name), about(name)
    circuit = isinstance(instance, Circuit)
    return {
        "name": name,
        "summary": _summary(doc),
        "kind": "circuit" if circuit else "device",
        "volatile": instance.volatile,
        "noise": instance.noise_structure.__name__,
        "states": [asdict(s) | {"bounds": list(s.bounds)} for s in _states(instance)],
        "parameters": describe(instance),
        "netlist": _netlist(instance) if circuit else None,
        "references": list(references),
        "presets": [asdict(presets.load(p)[2]) for p in presets.names(name)],
        "doc": doc,
    }


def _states(instance) -> tuple:
    """States of a device or a circuit."""
    from ..circuit import Circuit

    return instance.specs if isinstance(instance, Circuit) else instance.states


def _netlist(instance) -> list[dict]:
    """Elements of a circuit, and their nodes."""
    parts = zip(instance.names, instance.elements, instance.nets)
    return [
        {"name": n, "element": e.name, "nodes": list(net), "driven": n in instance.ports}
        for n, e, net in parts
    ]


def _range(bounds: list[float]) -> str:
    return f"{bounds[0]:g} .. {bounds[1]:g}"


def _print_model(description: dict) -> None:
    """One model for people."""
    from ..fields import allowed_text

    kind = (
        "volatile: forgets between sweeps"
        if description["volatile"]
        else "non-volatile: sweeps carry its state on"
    )
    print(
        f"{description['name']}: {description['summary']}\n{kind}; noise: {description['noise'].lower()}\n"
    )
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
    from ..models import about, model, model_names

    if options.name is not None:
        description = describe_model(options.name)
        print_json(description) if options.json else _print_model(description)
        return 0
    models = [(n, model(n)) for n in model_names()]
    rows = [
        {
            "name": name,
            "summary": _summary(about(name)[0]),
            "volatile": instance.volatile,
            "states": [s.name for s in _states(instance)],
        }
        for name, instance in models
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
