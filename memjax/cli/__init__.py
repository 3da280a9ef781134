"""The command line: ``memjax COMMAND``. Commands of other packages come by entry point."""

from .command import Command as Command
from .command import UsageError as UsageError
from .program import main as main
