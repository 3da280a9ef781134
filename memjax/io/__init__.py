"""Files in and out: whole or not at all."""

from .write import (
    prepare_output as prepare_output,
)
from .write import (
    writing as writing,
)
from .write import (
    writing_folder as writing_folder,
)
