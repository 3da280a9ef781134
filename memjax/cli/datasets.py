"""``memjax datasets``: public measurements by name, and their files."""

import argparse
from dataclasses import asdict
from pathlib import Path

from ..datasets import LOCAL, PREFIX, DataSet, describe, fetch, is_local, names
from .command import Command, UsageError, print_json, say, table
from .options import add_json_option


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="a set; without one all are listed")
    add(
        "--fetch",
        action="store_true",
        help="get its original files, checked, and print their paths",
    )
    add(
        "--trust",
        action="store_true",
        help="with --fetch: also files whose SHA-256 nobody has recorded",
    )
    add_json_option(parser)


def _availability(data_set: DataSet) -> str:
    """Say where the set can be had from."""
    local = [f for f in (data_set.tidy, *data_set.files) if f is not None and is_local(f)]
    if local:
        return f"{LOCAL}"
    if any(f.sha256 and f.url for f in data_set.files):
        return "download"
    if any(f.url and not f.pickled for f in data_set.files):
        return "download with --trust"
    return f"{LOCAL} only"


def _to_json(data_set: DataSet) -> dict:
    return asdict(data_set) | {"available": _availability(data_set)}


def _print_list() -> None:
    sets = [describe(n) for n in names()]
    rows = [[s.name, s.licence, _availability(s), s.title] for s in sets]
    print(table(rows, head=["set", "licence", "from", "what it is"]))


def _print_facts(data_set: DataSet) -> None:
    facts = _to_json(data_set)
    keys = (
        "title",
        "device",
        "measured",
        "repository",
        "commit",
        "licence",
        "doi",
        "pattern",
        "subset",
        "available",
    )
    print(data_set.name)
    print("\n".join(f"  {key:<10}  {facts[key]}" for key in keys if facts[key]))
    files = [f for f in (data_set.tidy, *data_set.files) if f is not None]
    rows = [
        [
            f.path or "(tidy copy)",
            "?" if f.size is None else str(f.size),
            f.sha256 or "not recorded",
            f.copy or "",
        ]
        for f in files
    ]
    print("\n" + table(rows, head=["file", "bytes", "SHA-256", f"in {LOCAL}"]))
    print(f"\nRead it as {PREFIX}{data_set.name}, or one file as {PREFIX}{data_set.name}/FILE.")


def _fetch(options: argparse.Namespace) -> tuple[Path, ...]:
    paths = fetch(options.name, trust=options.trust)
    for path, file in zip(paths, describe(options.name).files):
        if file.sha256 is None:
            say("warning", f"{file.path} was downloaded without a checksum to verify it: {path}")
    return paths


def _run(options: argparse.Namespace) -> int:
    if options.name is None:
        if options.fetch or options.trust:
            raise UsageError(
                "no set to fetch", where="--fetch", fix="name one, see 'memjax datasets'"
            )
        if options.json:
            print_json({"datasets": [_to_json(describe(n)) for n in names()]})
        else:
            _print_list()
        return 0
    data_set = describe(options.name)
    if options.trust and not options.fetch:
        raise UsageError("--trust without --fetch", fix="add --fetch")
    paths = _fetch(options) if options.fetch else ()
    if options.json:
        print_json(
            _to_json(data_set) | ({"paths": [str(p) for p in paths]} if options.fetch else {})
        )
    elif options.fetch:
        print("\n".join(map(str, paths)))
    else:
        _print_facts(data_set)
    return 0


COMMAND = Command(
    name="datasets",
    help="public measurements by name, and their files",
    configure=_configure,
    run=_run,
)
