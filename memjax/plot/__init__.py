"""Pictures: functions that take axes and return them."""

from .iv import iv as iv
from .style import style as style
