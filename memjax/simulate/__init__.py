"""From a system, a stimulus and a policy to a trace: adaptive, on a grid, or by another solver of diffrax.

The room and its main function bear one name: `memjax.simulate` is the function, and modules of the room are
imported from, as in ``from memjax.simulate.adaptive import solve_adaptive``.
"""

from .adaptive import solve_adaptive as solve_adaptive, solve_stiff as solve_stiff
from .diffrax import solve_by_diffrax as solve_by_diffrax
from .events import locate_events as locate_events
from .fixed import Begin as Begin, solve_fixed as solve_fixed
from .requests import Conditions as Conditions, Output as Output
from .signals import (
    check_signals as check_signals,
    outputs_and_states as outputs_and_states,
    terminal_values as terminal_values,
)
from .simulation import (
    is_noisy as is_noisy,
    simulate as simulate,
    simulate_like as simulate_like,
    waveform as waveform,
)
from .solution import Solution as Solution, value_before as value_before
