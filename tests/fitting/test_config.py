"""Configurations: their fields, and requests out of which they are taken."""

from dataclasses import dataclass

import pytest

from fitting.config import FORMS, CommonConfig, Request, option, options_of
from fitting.kinds import kinds


@dataclass(frozen=True, kw_only=True)
class _Config(CommonConfig):
    level: float | None = option("what a spike rises above", form="number", unit="V")


def test_a_configuration_is_taken_out_of_a_request():
    values = dict.fromkeys(("files", "model", *options_of(CommonConfig)))
    request = Request(values | {"level": 0.2, "other": 1}, ["level"])
    config = request.config(_Config)
    assert (config.level, config.seed) == (0.2, None)
    assert (request.level, request.explicit) == (0.2, ("level",))
    with pytest.raises(AttributeError, match="no_such"):
        _ = request.no_such
    later = request.replace(level=0.3)
    assert (request.level, later.level, later.explicit) == (0.2, 0.3, ("level",))


def test_what_a_file_says_takes_the_place_of_what_was_asked_for():
    request = Request(
        {"level": 0.2}, interpret=lambda table: {n: float(x) for n, x in table.items()}
    )
    assert request.updated({"level": "0.5"}).level == 0.5


def test_each_option_has_a_help_and_a_form_and_one_of_a_name_is_the_same_in_all_kinds():
    known = {}
    for kind in kinds().values():
        for config in kind.configs:
            for name, asked in options_of(config).items():
                assert asked.form in FORMS, name
                assert asked.help or asked.form == "shared", name
                told = (asked.help, asked.form, asked.unit, asked.metavar)
                if asked.form != "shared":
                    assert known.setdefault(name, told) == told, name
