"""Configurations as a command line, as a file and as words: all out of the fields of `fitting.config`."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from memjax.cli.command import Parser, count, number, plain_float, signed_number
from memjax.cli.options import (
    add_bench_options,
    add_interleave_option,
    add_read_options,
    add_write_options,
)
from memjax.errors import DataError, UsageError
from memjax.io.request import files_of
from memjax.runtime.documents import load_json, load_toml

from ..amortised.options import PosteriorConfig, TrainingConfig
from ..batch.options import BatchConfig
from ..config import Option, Request, options_of
from ..devices import expanded
from ..kinds import flag, kinds
from ..solve_call import IN_PYTHON

_SHARED = (add_bench_options, add_read_options, add_interleave_option, add_write_options)
"""What adds the options that other commands of memjax have, too."""

_TITLES = {"targets": "wanted numbers in place of a file"}
"""What the help says of a group, where its title says too little."""


def all_options() -> dict[str, tuple[Option, Any]]:
    """Return all options of ``memjax fit`` but the shared ones, and their defaults, by name."""
    configs = [config for kind in kinds().values() for config in kind.configs]
    return {
        name: (option, getattr(config, name))
        for config in (*configs, BatchConfig, TrainingConfig, PosteriorConfig)
        for name, option in options_of(config).items()
        if option.form != "shared"
    }


def _numbers(form: str, count: int) -> Callable[[str], tuple[str, Any]]:
    """Type of ``NAME=`` and so many numbers: the name and the number, or a tuple of several."""

    def convert(text: str) -> tuple[str, Any]:
        name, _, values = text.partition("=")
        try:
            numbers = tuple(map(plain_float, values.split(",")))
            if len(numbers) != count:
                raise ValueError
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: {form} in SI") from None
        return name.strip(), numbers if count > 1 else numbers[0]

    return convert


def _parsed(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Type of a word that an option parses itself."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except DataError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def argument_of(option: Option) -> dict[str, Any]:
    """Return the arguments with which `argparse.ArgumentParser.add_argument` adds an option, but for its default."""
    arguments: dict[str, Any] = {"help": option.help.replace("%", "%%")}
    if option.form == "flag":
        return arguments | {"action": "store_true"}
    arguments["metavar"] = option.metavar
    if option.form == "number":
        signed = option.lowest < 0
        arguments["type"] = (
            signed_number(option.unit) if signed else number(option.unit, zero=option.zero)
        )
    elif option.form == "count":
        arguments["type"] = count(int(option.lowest))
    elif option.form == "numbers":
        arguments |= {"nargs": len(option.metavar or ()), "type": signed_number("")}
    elif option.form in ("names", "values", "ranges"):
        arguments |= {"nargs": "+", "action": "extend"}
    if option.form == "values":
        arguments["type"] = _numbers("NAME=VALUE with a number", 1)
    elif option.form == "ranges":
        arguments["type"] = _numbers("NAME=LOW,HIGH with two numbers", 2)
    elif option.form == "parsed" and option.parse is not None:
        arguments["type"] = _parsed(option.parse)
    if option.repeated:
        arguments["action"] = "append"
    if option.choices:
        arguments["choices"] = option.choices
        arguments.pop("metavar") if option.metavar is None else None
    return arguments


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``memjax fit``: files, model, folder, and the options of all kinds of data."""
    add = parser.add_argument
    parser.set_defaults(parser=parser)
    text = (
        "measured files of one device, or example:NAME; with --batch of many devices, a file each: files, folders, "
        "patterns"
    )
    add("files", nargs="*", metavar="FILE", help=text)
    text = (
        "device or circuit, see 'memjax models'; A,B,... are compared on the same files; auto: the devices that can "
        "describe the sweeps, see 'memjax read'"
    )
    add("--model", default="", help=text)
    text = (
        "what to fit: TOML of options without their dashes, or the fit.json of an earlier fit; options that are said "
        "beside it count"
    )
    add("--config", metavar="FILE", help=text)
    add("--out", required=True, metavar="DIR", help="folder to make")
    add("--open", action="store_true", help="show report.html in the browser afterwards")
    groups: dict[str, Any] = {"": parser}
    for name, (option, default) in all_options().items():
        title = option.group
        if title not in groups:
            groups[title] = parser.add_argument_group(title, _TITLES.get(title))
        default = list(default) if isinstance(default, tuple) else default
        groups[title].add_argument(flag(name), default=default, **argument_of(option))
    for add_group in _SHARED:
        add_group(parser)


def request_of(options: argparse.Namespace, command: str) -> Request:
    """Return what a command line asks for, with what its ``--config`` says beside it.

    Parameters
    ----------
    options : Namespace
        Parsed words of ``memjax fit``.
    command : str
        The command line in words.

    Raises
    ------
    UsageError, DataError
        Where no model is named, and for a configuration that cannot be read or says what is no option.
    """
    parser, words = options.parser, options.parser.words
    plain = vars(parser.parse_args(["FILE", "--out", "DIR"]))  # all options at their defaults
    values = {n: getattr(options, n) for n in plain}  # a program adds options of its own
    explicit = _explicit(values, plain)
    if options.config is not None:
        entries = _load(Path(options.config))
        files = entries.pop("files", [])
        try:
            added = _interpret({n: x for n, x in entries.items() if n not in explicit}, parser)
        except UsageError as error:
            where, allowed = options.config, "options of memjax fit"
            raise DataError(str(error), where=where, allowed=allowed) from error
        # Parsed anew on top of the file: what is said counts, also where it is what stands there by default.
        above = vars(parser.parse_args(words, namespace=argparse.Namespace(**added)))
        values = {n: above[n] for n in plain} | {"files": values["files"] or files}
        explicit = _explicit(values, plain)
    if not values["model"]:
        what = "the following arguments are required: --model"
        raise UsageError(what, fix=f"see '{parser.prog} --help'")
    for name in ("config", "parser"):
        del values[name]
    names = [n for n in ("model", "files", *sorted(explicit)) if n not in _PLACES]
    entries = {n: _plain_data(values[n]) for n in names}
    if values["compliance_negative"] is not None:
        entries["compliance"] = [values["compliance"], values["compliance_negative"]]
    many = values["batch"] or values["amortise"] or values["amortised"] is not None
    values["files"] = (expanded if many else files_of)(values["files"])
    values |= {"command": command, "entries": entries}
    return Request(values, explicit, interpret=partial(_interpret, parser=parser))


def _explicit(values: Mapping[str, Any], plain: Mapping[str, Any]) -> list[str]:
    """Names of options that are not at their defaults; of two limits of the current one option speaks."""
    silent = ("config", "compliance_negative")
    return [n for n, x in values.items() if plain[n] != x and n not in silent]


_PLACES = ("out", "force", "open")
"""Options that say where a fit goes, and nothing of it."""


def _load(path: Path) -> dict[str, Any]:
    """What a configuration says, by the names of options: TOML, or the entry of a ``fit.json``."""
    if path.suffix == ".json":
        allowed = "the fit.json of a fit of this version"
        content = load_json(path, DataError, what="cannot be read", allowed=allowed)
        table = content.get("config") if isinstance(content, dict) else None
        if not isinstance(table, dict):
            raise DataError("no config", where=str(path), allowed=allowed)
        if lost := table.get(IN_PYTHON):
            what = f"{', '.join(lost)} of a fit from Python, which no option says"
            fix = "solve the problem in Python again"
            raise DataError(what, where=str(path), allowed="what options say", fix=fix)
    else:
        table = load_toml(path, DataError, what="cannot be read", allowed="TOML")
    entries = {n.replace("-", "_"): x for n, x in table.items()}
    if "files" in entries:
        files = _as_list(entries["files"])
        if not all(isinstance(f, str) for f in files):
            allowed = "the name of a file, or a list of names"
            raise DataError(f"files = {entries['files']!r}", where=str(path), allowed=allowed)
        entries["files"] = files
    return entries


def _interpret(table: Mapping[str, Any], parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Values of options that stand in a file, as the command line would take them."""
    options = parser.parse_args(["FILE", "--out", "DIR", *words_of(table)])
    names = [n.replace("-", "_") for n in table]
    names += ["compliance_negative"] * ("compliance" in names)
    if unknown := [flag(n) for n in names if not hasattr(options, n)]:
        what = f"unrecognized arguments: {' '.join(unknown)}"  # switched off: no word was parsed
        raise UsageError(what, fix=f"see '{parser.prog} --help'")
    return {n: getattr(options, n) for n in names}


def _as_list(value: Any) -> list[Any]:
    """A value that may be a list, as one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def words_of(values: Mapping[str, Any]) -> list[str]:
    """Return the words with which ``memjax fit`` takes values.

    Parameters
    ----------
    values : mapping of str to Any
        Numbers, words, flags, lists and tables by the names of options; None and false are left out.
    """
    words = []
    repeated = {n for n, (option, _) in all_options().items() if option.repeated}
    for key, value in values.items():
        name = key.replace("-", "_")
        if value is None or value is False or name == "compliance_negative":
            continue
        if value is True:
            words.append(flag(name))
        elif name in repeated:
            words += [w for x in _as_list(value) for w in (flag(name), str(x))]
        else:
            words += [flag(name), *_argument_words(name, value, values)]
    return words


def _argument_words(name: str, value: Any, values: Mapping[str, Any]) -> list[str]:
    """Words of the value of an option."""
    if name == "compliance":
        negative = values.get("compliance_negative")
        return [",".join(_word(x) for x in [*_as_list(value), negative] if x is not None)]
    if name == "bench" and isinstance(value, Mapping):
        return [json.dumps(value)]
    if name == "columns" and isinstance(value, Mapping):
        return [",".join(f"{k}={x}" for k, x in value.items())]
    if name == "sweeps" and not isinstance(value, str):
        return [",".join(map(str, value))]
    if isinstance(value, Mapping):
        return [f"{k}={','.join(map(_word, _as_list(x)))}" for k, x in value.items()]
    return [_word(x) for x in _as_list(value)]


def _word(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _plain_data(value: Any) -> Any:
    """A value as JSON has it: pairs of names and numbers are a table, what was parsed is its text again."""
    if isinstance(value, list | tuple):
        if value and all(isinstance(x, tuple) and isinstance(x[0], str) for x in value):
            return {n: _plain_data(x) for n, x in value}
        return [_plain_data(x) for x in value]
    if isinstance(value, Mapping):
        return {str(n): _plain_data(x) for n, x in value.items()}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def parse_fit(words: Sequence[str]) -> Request:
    """Return what words of ``memjax fit``, without these two in front, ask for.

    Raises
    ------
    UsageError
        As the command itself has it.
    """
    parser = Parser(prog="memjax fit", allow_abbrev=False)
    configure(parser)
    options = parser.parse_args(list(words))
    return request_of(options, "").replace(explicit=())
