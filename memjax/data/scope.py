"""Channels of an oscilloscope as voltage and current of a device."""

from dataclasses import replace

from memjax.errors import ReaderError

from .base import Options, Table
from .numbers import to_numbers
from .roles import measures

CHANNELS = "current channel"
"""Setting of a record whose voltage and current were made of channels."""


def scope_table(table: Table, options: Options, *, where: str) -> Table:
    """Time, voltage and current of the channels of an oscilloscope.

    Parameters
    ----------
    table : Table
        Time and channels, with their units.
    options : Options
        `shunt`, and in `columns` the channel that lies across it (`i`) and the one that is the device's voltage (`v`).
    where : str
        File, for messages.

    Returns
    -------
    Table
        Record; a file of one channel as it is, and a channel named as the voltage without a current: a voltage or a
        current against time.

    Raises
    ------
    ReaderError
        If two voltages come without a shunt, channels are not there, or there are more than two and none is named.

    Notes
    -----
    A channel in ampere, of a current probe, is the current. Else, without word from the user, the first channel lies
    across the shunt and the second one across shunt and device: i = V(1) / shunt, v = V(2) - V(1).
    """
    channels = list(table.names[1:])
    chosen = {role: options.columns.get(role, "").strip() for role in ("v", "i")}
    for name in filter(None, chosen.values()):
        if name not in channels:
            raise ReaderError(f"no channel {name!r}", where=where, allowed=", ".join(channels))
    amps = [c for c, u in zip(channels, table.units[1:], strict=True) if measures(u, "i")]
    if not channels:
        raise ReaderError("one column, and no channel", where=where, allowed="time and channels")
    if len(channels) == 1:
        return replace(table, roles={"t": table.names[0], "i" if amps else "v": channels[0]})
    if chosen["v"] and not (chosen["i"] or amps or options.shunt):
        return replace(table, roles={"t": table.names[0], "v": chosen["v"]})
    across = chosen["i"] or (amps[0] if len(amps) == 1 else "")
    if across not in amps and options.shunt is None:
        raise ReaderError(
            "voltages only: the current needs the resistance that a channel lies across",
            where=where, fix="give it in ohm: --shunt OHM; or name a channel as the trace of a circuit: "
            f"--columns v={channels[0]}",
        )  # fmt: skip
    others = [c for c in channels if c not in (across, chosen["v"])]
    if (len(channels) > 2 and not (chosen["v"] and across)) and not (
        across in amps and len(others) == 1
    ):
        raise ReaderError(
            f"{len(channels)} channels: {', '.join(channels)}", where=where, allowed="two, or both named",
            fix="name the voltage and the channel of the current: "
            f"--columns v={channels[1]},i={channels[0]}",
        )  # fmt: skip
    across = across or others[0]
    return _currents(table, options, across, chosen["v"] or next(c for c in channels if c != across),
                     named=bool(chosen["v"]) or across in amps, where=where)  # fmt: skip


def _currents(
    table: Table, options: Options, across: str, other: str, *, named: bool, where: str
) -> Table:
    """Record of the channel of the current and that of the voltage."""
    at = {c: table.names.index(c) for c in (across, other)}
    values = {
        c: to_numbers(table.columns[k], table.lines, where=where, name=c) for c, k in at.items()
    }
    probe = measures(table.units[at[across]], "i")
    v = values[other] if named else values[other] - values[across]
    means = f"channel {other}" if named else f"channel {other} less channel {across}"
    divided = f"channel {across}" if probe else f"channel {across} over {options.shunt:g} ohm"
    warnings = (f"taken as current: {divided}; voltage: {means}",)
    if probe and options.shunt is not None:
        warnings += ("the shunt is not used: a channel is a current",)
    return replace(
        table,
        names=(table.names[0], "v", "i"),
        columns=(table.columns[0], v, values[across] if probe else values[across] / options.shunt),
        units=(table.units[0], table.units[at[other]], table.units[at[across]] if probe else "A"),
        roles={"t": table.names[0], "v": "v", "i": "i"},
        settings={**table.settings, CHANNELS: across, "voltage": means, "shunt_ohm": options.shunt},
        warnings=(*table.warnings, *warnings),
    )  # fmt: skip
