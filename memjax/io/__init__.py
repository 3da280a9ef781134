"""Files in and out: whole or not at all."""

from ..runtime.files import (
    prepare_output as prepare_output,
    writing as writing,
    writing_folder as writing_folder,
)
