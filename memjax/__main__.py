"""``python -m memjax`` is ``memjax``."""

import sys

from memjax.cli import main

if __name__ == "__main__":
    sys.exit(main())
