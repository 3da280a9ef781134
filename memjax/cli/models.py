"""``memjax models``: which device models there are, and what one of them is made of."""

import argparse
import inspect
from dataclasses import asdict

from .command import Command, print_json, table
from .options import add_json_option


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a model; without one all are listed"
    )
    add_json_option(parser)


def _summary(cls: type) -> str:
    """First line of a class's docstring, without markup."""
    return (inspect.getdoc(cls) or "").split("\n")[0].replace("`", "")


def describe_model(name: str) -> dict:
    """What ``memjax models NAME --json`` prints: states, parameters, references, presets.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    from .. import presets
    from ..device import device_class
    from ..fields import describe

    cls = device_class(name)
    return {
        "name": cls.name,
        "summary": _summary(cls),
        "volatile": cls.volatile,
        "noise": cls().noise_structure.__name__,
        "states": [asdict(s) | {"bounds": list(s.bounds)} for s in cls().states],
        "parameters": describe(cls),
        "references": list(cls.references),
        "presets": [asdict(presets.load(p)[2]) for p in presets.names(name)],
        "doc": inspect.getdoc(cls),
    }


def _range(bounds: list[float]) -> str:
    return f"{bounds[0]:g} .. {bounds[1]:g}"


def _print_model(about: dict) -> None:
    """One model for people."""
    from ..fields import listed

    kind = (
        "volatile: forgets between sweeps"
        if about["volatile"]
        else "non-volatile: sweeps carry its state on"
    )
    print(f"{about['name']}: {about['summary']}\n{kind}; noise: {about['noise'].lower()}\n")
    states = [[s["name"], s["unit"], _range(s["bounds"]), s["doc"]] for s in about["states"]]
    print(table(states, head=["STATE", "UNIT", "BOUNDS", "WHAT"]) + "\n")
    rows = []
    for p in about["parameters"]:
        if p["allowed"] is not None:
            rows.append([p["name"], f"{p['default']}", "1", listed(p["allowed"]), p["doc"]])
            continue
        default = f"= {p['follows']}" if p["default"] is None else f"{p['default']:g}"
        rows.append([p["name"], default, p["unit"], _range(p["bounds"]), p["doc"]])
    print(table(rows, head=["PARAMETER", "DEFAULT", "UNIT", "BOUNDS", "WHAT"]) + "\n")
    if about["presets"]:
        print(
            table([[p["name"], p["title"]] for p in about["presets"]], head=["PRESET", "WHAT"])
            + "\n"
        )
        for p in about["presets"]:
            suggested = " ".join(f"--{k.replace('_', '-')} {v:g}" for k, v in p["bench"].items())
            print(f"{p['name']}: bench {suggested}")
            print("\n".join(f"  not claimed: {text}" for text in p["not_claimed"]))
        print()
    print("\n".join(f"reference: {r}" for r in about["references"]))


def _run(options: argparse.Namespace) -> int:
    from ..device import device_class, device_names

    if options.name is not None:
        about = describe_model(options.name)
        print_json(about) if options.json else _print_model(about)
        return 0
    classes = [device_class(n) for n in device_names()]
    rows = [
        {
            "name": c.name,
            "summary": _summary(c),
            "volatile": c.volatile,
            "states": [s.name for s in c().states],
        }
        for c in classes
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
    help="list device models, or one model's parameters",
    configure=_configure,
    run=_run,
)
"""The command."""
