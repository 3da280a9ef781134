"""One reader of measurement files per module."""

from ..base import AbstractFormat
from .b1500 import B1500Reader
from .b1500_list import B1500ListReader
from .b1500_wgfmu import B1500WgfmuReader
from .decay_sheets import DecaySheetsReader
from .decay_table import DecayTableReader
from .endurance_groups import EnduranceGroupsReader
from .endurance_rows import EnduranceRowsReader
from .endurance_table import EnduranceTableReader
from .hdf5 import Hdf5Reader
from .json_arrays import JsonReader
from .keithley_4200 import Keithley4200Reader
from .kickstart import KickstartReader
from .labscript import LabscriptReader
from .lecroy import LecroyReader
from .lvm import LvmReader
from .matlab import MatlabReader
from .netcdf import NetcdfReader
from .numpy_arrays import NumpyReader
from .oscilloscope import OscilloscopeReader
from .parquet import ParquetReader
from .pulse_columns import PulseColumnsReader
from .pulse_json import PulseJsonReader
from .pulse_table import PulseTableReader
from .quick_iv import QuickIVReader
from .rigol import RigolReader
from .savetxt import SavetxtReader
from .spike_table import SpikeTableReader
from .spreadsheet import SpreadsheetReader
from .tektronix import TektronixReader
from .text import TextReader
from .tidy import TidyReader

BUILT_IN: tuple[AbstractFormat, ...] = (
    EnduranceTableReader(), PulseTableReader(), PulseColumnsReader(), PulseJsonReader(), DecaySheetsReader(),
    DecayTableReader(), EnduranceGroupsReader(), EnduranceRowsReader(), SpikeTableReader(),
    B1500Reader(), B1500WgfmuReader(), B1500ListReader(), QuickIVReader(), KickstartReader(), Keithley4200Reader(),
    OscilloscopeReader(),
    TektronixReader(), RigolReader(), LecroyReader(), LabscriptReader(), LvmReader(), MatlabReader(), NetcdfReader(),
    Hdf5Reader(), NumpyReader(), ParquetReader(), JsonReader(), SpreadsheetReader(), TidyReader(), SavetxtReader(),
    TextReader(),
)  # fmt: skip
"""Of two that are equally sure the first one reads the file."""
