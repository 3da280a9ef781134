"""The command line: ``memjax COMMAND``. Commands of other packages come by entry point."""

from .command import Command as Command, UsageError as UsageError
from .program import main as main
